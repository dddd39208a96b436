CREATE TABLE dept (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, name TEXT NOT NULL,
    parent_id INTEGER REFERENCES dept (id), manager_id INTEGER REFERENCES person (id), remark TEXT DEFAULT 'theirs');
CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, name TEXT NOT NULL,
    dept_id INTEGER NOT NULL REFERENCES dept (id), id_card TEXT, phone TEXT, remark TEXT DEFAULT 'theirs');
CREATE TABLE requisition (
    req_no TEXT PRIMARY KEY, supplier TEXT NOT NULL, needed_by TEXT, approved INTEGER NOT NULL, order_number TEXT);
CREATE TABLE requisition_line (
    req_no TEXT NOT NULL, line_no INTEGER NOT NULL, item TEXT, qty TEXT, price TEXT, PRIMARY KEY (req_no, line_no));
INSERT INTO dept (code, name) VALUES ('X9', '外部部门');
INSERT INTO person (code, name, dept_id) VALUES ('X001', '外人', 1);
INSERT INTO requisition VALUES
    ('R-001', '华鑫钢铁', '2026-12-01', 1, NULL), ('R-002', '=cmd|'' /C calc''!A0', '1899-12-31', 1, NULL),
    ('R-003', '华鑫钢铁', NULL, 1, NULL), ('R-090', '未批准', NULL, 0, NULL);
INSERT INTO requisition_line VALUES
    ('R-001', 1, '螺栓 M8', '100.0000', '0.35'), ('R-001', 2, '垫片', '200.5000', '0.05'),
    ('R-002', 1, '钢板', '12345678901234.5678', '123456789012345678.99'),
    ('R-003', 1, '轴承', '1.0000', '10.00'), ('R-003', 2, '轴套', '2.0000', '20.00'), ('R-003', 3, '润滑脂', '3.0000', '30.00'),
    ('R-090', 1, '无', '1.0000', '1.00');
