-- The OA: people, a supplier pick-list that was kept by hand so far, and requisitions with their approval.
create table department (
    id integer primary key,
    code text not null unique,
    name text not null,
    parent_id integer references department (id),
    manager_id integer references user (id)
);
create table user (
    id integer primary key,
    login text not null unique,
    name text not null,
    department_id integer references department (id),
    title text,
    email text,
    id_card text,
    active boolean not null default 1
);
create table supplier (
    id integer primary key,
    code text unique,
    name text not null,
    tax_no text,
    category text,
    payment_days integer,
    contact_phone text,
    active boolean not null default 1
);
create table requisition (
    id integer primary key,
    no text not null unique,
    title text not null,
    supplier_code text,
    status text not null,           -- 草稿, 审批中, 已批准, 已驳回
    approved_on date,
    erp_order_no text
);
create table requisition_line (
    id integer primary key,
    requisition_id integer not null references requisition (id),
    line_no integer not null,
    material text not null,
    qty text not null,
    unit text,
    price text,
    unique (requisition_id, line_no)
);

insert into supplier (id, code, name, tax_no, category, payment_days, contact_phone) values
    (1, 'S0001', '上海申特钢材有限公司', '91310000MA1FL0001A', '原材料', 30, '021-5550 9901'),   -- the same, but for the telephone
    (2, null, '宁波恒达包装', '91330200MA2B00020C', null, null, '0574-5550 0102'),                         -- typed by hand: recognised by tax number
    (3, 'OA-99', '只在 OA 里的供应商', null, '服务', null, '010-5550 9903');                    -- nobody's business but the OA's

insert into requisition (id, no, title, supplier_code, status, approved_on) values
    (1, 'PR-2026-0001', '一车间钢材补货', 'S0001', '已批准', '2026-11-16'),
    (2, 'PR-2026-0002', '包装箱 packaging', 'S0002', '已批准', '2026-11-18'),
    (3, 'PR-2026-0003', '新车床报价', 'S0003', '审批中', null),
    (4, 'PR-2026-0004', '劳保用品', 'S0005', '草稿', null);

insert into requisition_line (requisition_id, line_no, material, qty, unit, price) values
    (1, 1, '45# 圆钢 Φ20', '1250.500', '公斤', '4.85'),
    (1, 2, '304 不锈钢板 2mm', '36.000', '件', '412.00'),
    (2, 1, '五层瓦楞纸箱 60×40×40', '800.000', '件', '6.30'),
    (2, 2, '打包带 PET', '12.000', '箱', '158.00'),
    (3, 1, 'CNC lathe', '1.000', '件', '385000.00'),
    (4, 1, '手套', '200.000', '件', '3.20');
