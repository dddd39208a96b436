-- No unique constraint guards the keys: a row written twice would stay and be seen.
CREATE TABLE department (code TEXT NOT NULL, name TEXT NOT NULL, parent_code TEXT, head_code TEXT);
CREATE TABLE employee (
    code TEXT NOT NULL, name TEXT NOT NULL, department_code TEXT NOT NULL, id_card TEXT, phone TEXT);
CREATE TABLE purchase_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT, req_no TEXT NOT NULL, supplier TEXT NOT NULL, needed_by TEXT);
CREATE TABLE purchase_order_line (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES purchase_order (id),
    line_no INTEGER NOT NULL, item TEXT, qty TEXT, price TEXT);
CREATE TRIGGER numbered AFTER INSERT ON purchase_order WHEN NEW.number IS NULL BEGIN
    UPDATE purchase_order SET number = printf('PO-%06d', NEW.id) WHERE id = NEW.id;
END;
INSERT INTO department VALUES
    ('01', '总公司', NULL, 'E001'), ('0101', '财务部', '01', 'E002'), ('0102', '采购部', '01', 'E003'),
    ('010201', '采购一科', '0102', NULL), ('010202', '采购二科', '0102', NULL), ('0103', 'IT ＆ 数据 😀', '01', 'E004');
INSERT INTO employee VALUES
    ('E001', '陈洁', '01', '110101199003074514', '+86 138 0000 0001'),
    ('E002', 'O''Brien, "Ann"', '0101', '110101198505052217', NULL),
    ('E003', '欧阳娜娜', '0102', '110101197712120033', ''),
    ('E004', '𠮷田 太郎', '0103', '11010119650101001X', ' 138 '),
    ('E005', '王五', '0101', NULL, '0138'),
    ('E006', '赵六', '0102', '110101199912315678', '138'),
    ('E007', '钱七', '010201', '110101200001010011', '138'),
    ('E008', '孙八', '010201', '110101200001010022', '138'),
    ('E009', '李九', '010202', '110101200001010033', '138'),
    ('E010', '周十', '010202', '110101200001010044', '138'),
    ('E011', '吴十一', '01', '110101200001010055', '138'),
    ('E012', '郑十二', '01', '110101200001010066', '138');
