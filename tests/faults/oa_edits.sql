UPDATE requisition SET supplier = '华鑫钢铁（集团）' WHERE req_no = 'R-001';
UPDATE requisition_line SET qty = '101.0000' WHERE req_no = 'R-001' AND line_no = 1;
DELETE FROM requisition_line WHERE req_no = 'R-003' AND line_no IN (1, 3);
INSERT INTO requisition_line VALUES ('R-002', 2, '角钢', '5.0000', '55.50');
UPDATE requisition SET approved = 1 WHERE req_no = 'R-090';
INSERT INTO requisition VALUES
    ('R-101', '新供应商', '2027-01-31', 1, NULL), ('R-102', '新供应商', NULL, 1, NULL), ('R-103', '新供应商', NULL, 1, NULL),
    ('R-104', 'Ｆｕｌｌ　ｗｉｄｔｈ', '2027-02-28', 1, NULL);
INSERT INTO requisition_line VALUES
    ('R-101', 1, '甲', '1.0000', '1.10'), ('R-101', 2, '乙', '2.0000', '2.20'), ('R-102', 1, '丙', '3.0000', '3.30'),
    ('R-103', 1, '丁', '4.0000', '4.40'), ('R-103', 2, '戊', '5.0000', '5.50'), ('R-104', 1, '己', '0.0001', '0.01');
