-- lines: JSON, a list of {line, item, qty, price}
CREATE TABLE purchase_order (id INTEGER PRIMARY KEY, number TEXT, buyer TEXT, lines TEXT);
