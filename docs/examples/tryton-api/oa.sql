-- The OA: suppliers and products people choose from, and their requisitions.
CREATE TABLE supplier (code TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE product (code TEXT PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL);
CREATE TABLE requisition (
    no TEXT PRIMARY KEY, supplier_code TEXT NOT NULL REFERENCES supplier, reason TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'approved', 'revoked')),
    erp_number TEXT
);
CREATE TABLE requisition_line (
    no TEXT NOT NULL REFERENCES requisition, line_no INTEGER NOT NULL, product_code TEXT NOT NULL REFERENCES product,
    qty TEXT NOT NULL, price TEXT NOT NULL, PRIMARY KEY (no, line_no)
);
INSERT INTO supplier VALUES ('S01', '华鑫钢材有限公司', '杭州'), ('S02', '上海精工轴承厂', '上海');
INSERT INTO product VALUES ('P-100', '六角螺栓 M8×40', 'Unit'), ('P-200', '冷轧钢板 2 mm', 'Kilogram'), ('P-300', '深沟球轴承 6204', 'Unit');
INSERT INTO requisition (no, supplier_code, reason, state) VALUES
    ('PR-2027-0001', 'S01', '一号车间大修', 'approved'),
    ('PR-2027-0002', 'S02', NULL, 'approved'),
    ('PR-2027-0003', 'S01', '备件', 'running');
INSERT INTO requisition_line VALUES
    ('PR-2027-0001', 1, 'P-100', '1200', '0.35'), ('PR-2027-0001', 2, 'P-200', '850.5', '4.2'),
    ('PR-2027-0002', 1, 'P-300', '40', '12.8'),
    ('PR-2027-0003', 1, 'P-100', '100', '0.35');
