-- A morning in the ERP: the company gets a new mail domain, a supplier other terms, one supplier is deleted.
update employee set email = replace(email, '@huaxin.example', '@huaxin-group.example');
update supplier set payment_days = 45, name = '上海申特特钢有限公司' where code = 'S0001';
delete from supplier where code = 'S0008';
