-- The ERP of 华信精密制造: it keeps departments, people and suppliers, and numbers its purchase orders itself.
create table department (
    id integer primary key,
    code text not null unique,
    name text not null,
    parent_code text,
    manager_no text
);
create table employee (
    id integer primary key,
    no text not null unique,
    name text not null,
    department_code text not null,
    title text,
    email text,
    id_card text,
    active boolean not null default 1
);
create table supplier (
    id integer primary key,
    code text not null unique,
    name text not null,
    tax_no text,
    category text,
    payment_days integer,
    contact_phone text,
    active boolean not null default 1
);
create table purchase_order (
    id integer primary key,
    number text unique,
    requisition_no text unique,
    supplier_id integer not null references supplier (id),
    ordered_on date,
    note text
);
create table purchase_order_line (
    id integer primary key,
    order_id integer not null references purchase_order (id),
    line_no integer not null,
    material text not null,
    qty text not null,              -- decimals are kept as text: SQLite has no exact decimal type
    unit text,
    price text,
    unique (order_id, line_no)
);
create trigger number_orders after insert on purchase_order when new.number is null begin
    update purchase_order set number = 'PO' || printf('%06d', 4100 + new.id) where id = new.id;
end;

insert into department (code, name, parent_code, manager_no) values
    ('D00', '华信精密制造', null, 'E0001'),
    ('D10', '生产部 Production', 'D00', 'E0002'),
    ('D11', '一车间 Workshop 1', 'D10', 'E0003'),
    ('D12', '二车间 Workshop 2', 'D10', 'E0004'),
    ('D20', '采购部 Purchasing', 'D00', 'E0005'),
    ('D30', '财务部 Finance', 'D00', 'E0006'),
    ('D40', '质量部 Quality', 'D00', null);

insert into employee (no, name, department_code, title, email, id_card) values
    ('E0001', '李伟', 'D00', '总经理', 'li.wei@huaxin.example', '110101197001011231'),
    ('E0002', '王秀英', 'D10', '生产总监', 'wang.xiuying@huaxin.example', '310101197502022342'),
    ('E0003', '张强', 'D11', '车间主任', 'zhang.qiang@huaxin.example', '330102198003033453'),
    ('E0004', 'Ｌｉｕ Ｙang', 'D12', '车间主任', 'liu.yang@huaxin.example', '320102198104044564'),
    ('E0005', '陈静', 'D20', '采购经理', 'chen.jing@huaxin.example', '440103198205055675'),
    ('E0006', '杨敏 ', 'D30', '财务经理', 'yang.min@huaxin.example', '51010419830606678X'),
    ('E0007', '𠮷田太郎', 'D40', '质量顾问', 'yoshida@huaxin.example', null);

-- The workshops' hands: E0101 … E0148.
insert into employee (no, name, department_code, title, email, id_card)
with recursive n(i) as (select 1 union all select i + 1 from n where i < 48)
select
    printf('E%04d', 100 + i),
    substr('赵钱孙李周吴郑王冯陈褚卫', i % 12 + 1, 1) || substr('伟芳娜敏静丽强磊军洋', i % 10 + 1, 1),
    case when i % 2 then 'D11' else 'D12' end,
    '操作工',
    printf('e%04d@huaxin.example', 100 + i),
    printf('3301021990%02d%02d%04d', i % 12 + 1, i % 28 + 1, 1000 + i)
from n;

insert into supplier (code, name, tax_no, category, payment_days, contact_phone) values
    ('S0001', '上海申特钢材有限公司', '91310000MA1FL0001A', 'RAW', 30, '021-5550 0101'),
    ('S0002', '宁波恒达包装材料厂', '91330200MA2B00020C', 'PKG', 45, '0574-5550 0102'),
    ('S0003', 'Müller Werkzeugbau GmbH', null, 'EQP', 60, '+49 711 555 0103'),
    ('S0004', '杭州ＡＢＣ物流有限公司', '91330100MA27X0004D', 'SVC', 15, '0571-5550 0104'),
    ('S0005', '苏州精锻轴承有限公司', '91320500MA1M00005E', 'RAW', 30, null),
    ('S0006', '深圳市创新刀具有限公司', '91440300MA5E00006F', 'TOOL', 30, '0755-5550 0106'),   -- no such category in the OA
    ('S0007', '华东检测服务中心', '91310000MA1FL0007G', 'SVC', 0, '021-5550 0107'),
    ('S0008', '昆山永固紧固件厂', '91320583MA1M00008H', 'RAW', 30, '0512-5550 0108');
