-- The OA's own database: pick lists for its forms, filled by hand until now.
-- The ids are its own; other tables of the OA refer to them, so rows must be adopted, never replaced.
-- Codes tell capitals from small letters, as the ERP does; names are compared as people do.

create table country (
    id int unsigned not null auto_increment primary key,
    code varchar(10) character set ascii collate ascii_bin not null unique,
    code3 char(3) character set ascii collate ascii_bin,
    name_en varchar(100) not null,
    name_zh varchar(100),
    active boolean not null default true
);

create table currency (
    id int unsigned not null auto_increment primary key,
    code varchar(3) character set ascii collate ascii_bin not null unique,
    name_en varchar(100) not null,
    name_zh varchar(100),
    digits tinyint,
    rounding decimal(12, 6),
    rate decimal(18, 6),
    rate_date date,
    active boolean not null default true
);

create table supplier (
    id int unsigned not null auto_increment primary key,
    code varchar(20) collate utf8mb4_nopad_bin unique,    -- empty in rows typed before the ERP had a code for them
    name varchar(250) not null,
    tax_no varchar(30),
    country_id int unsigned references country (id),
    registered_on date,
    active boolean not null default true,
    contact_person varchar(100) check (contact_person <> ''),
    contact_phone varchar(50),                            -- the buyers' own: the ERP gives a first value at most
    remark varchar(200)                                   -- unknown to erpoa
);

insert into country (id, code, code3, name_en, name_zh) values
    (1, 'CN', 'CHN', 'China', '中国'),
    (2, 'DE', null, 'Germany', null),
    (3, 'ZZ', null, 'Somewhere', '待定');

insert into currency (id, code, name_en, name_zh, digits) values
    (1, 'CNY', 'Yuan Renminbi', '人民币元', 2),
    (2, 'EUR', 'Euro', '欧元（旧称）', 2),      -- says something else than the ERP
    (3, 'XBT', 'Bitcoin', '比特币', null)       -- the ERP has none
;

insert into supplier (id, code, name, tax_no, country_id, contact_person, contact_phone, remark) values
    (1, '000001', '华信精密机械有限公司', null, 1, '王建国', '021-5550 9999（手工）', '老客户介绍'),
    (2, '000003', 'ABC贸易(上海)有限公司', null, null, null, null, null),         -- half-width: the same name
    (3, null, 'OA 里只有税号的供应商', '91330200MA2B00020C', 1, null, '0574-5550 0020', null),
    (4, null, '重复录入的供应商', '91320500MA1M000196', 1, null, null, '先录入'),
    (5, null, '重复录入的供应商（二）', '91320500MA1M000196', 1, null, null, '后录入'),   -- typed twice
    (6, '000004', 'Mueller und Soehne', null, 2, null, null, null),             -- another name
    (7, 'OA-99', '只在 OA 里的供应商', null, 1, '钱多', '010-5550 0099', '勿动'),
    (8, '000010', 'Café de l’Étoile S.A.R.L.', null, null, null, null, null);
