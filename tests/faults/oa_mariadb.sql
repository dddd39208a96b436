-- The OA of oa.sql in MariaDB; its rows are inserted from there. No unique constraint guards the keys: a row written
-- twice would stay and be seen.
CREATE TABLE dept (
    id INTEGER PRIMARY KEY AUTO_INCREMENT, code VARCHAR(40) NOT NULL, name VARCHAR(200) NOT NULL,
    parent_id INTEGER REFERENCES dept (id), manager_id INTEGER, remark VARCHAR(40) DEFAULT 'theirs');
CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTO_INCREMENT, code VARCHAR(40) NOT NULL, name VARCHAR(200) NOT NULL,
    dept_id INTEGER NOT NULL, id_card VARCHAR(40), phone VARCHAR(40), remark VARCHAR(40) DEFAULT 'theirs',
    FOREIGN KEY (dept_id) REFERENCES dept (id));
ALTER TABLE dept ADD FOREIGN KEY (manager_id) REFERENCES person (id);
CREATE TABLE requisition (
    req_no VARCHAR(40) PRIMARY KEY, supplier VARCHAR(200) NOT NULL, needed_by DATE, approved INTEGER NOT NULL,
    order_number VARCHAR(40));
CREATE TABLE requisition_line (
    req_no VARCHAR(40) NOT NULL, line_no INTEGER NOT NULL, item VARCHAR(200), qty DECIMAL(18, 4), price DECIMAL(20, 2),
    PRIMARY KEY (req_no, line_no));
