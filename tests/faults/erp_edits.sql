-- Creates (a tree three deep with new heads), updates, moves and deletes.
UPDATE department SET name = '总公司（集团）' WHERE code = '01';
UPDATE department SET head_code = 'E101' WHERE code = '0101';
UPDATE department SET parent_code = '0103' WHERE code = '010201';
DELETE FROM department WHERE code = '010202';
INSERT INTO department VALUES
    ('02', '深圳分公司', '01', 'E101'), ('0201', '仓储部', '02', 'E102'), ('020101', '一号库', '0201', 'E103'),
    ('020102', '二号库', '0201', NULL), ('0202', '品质部', '02', 'E104');
UPDATE employee SET phone = '+86 139' WHERE code IN ('E001', 'E005', 'E006', 'E007');
UPDATE employee SET id_card = '110101199003074522', name = '陈 洁' WHERE code = 'E002';
UPDATE employee SET department_code = '0202' WHERE code = 'E008';
DELETE FROM employee WHERE code IN ('E009', 'E010', 'E011', 'E012');
INSERT INTO employee VALUES
    ('E101', '新一', '02', '440301199001010011', NULL), ('E102', '新二', '0201', '440301199001010022', ''),
    ('E103', '新三', '020101', '440301199001010033', '1'), ('E104', '新四', '0202', NULL, '2'),
    ('E105', '新五', '0101', '440301199001010055', '3'), ('E106', '新六', '020102', '440301199001010066', '4'),
    ('E107', '新七', '020102', '440301199001010077', '5');
