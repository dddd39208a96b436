-- lines: JSON, a list of {line, item, qty, price}; amounts are texts, "2.000"
CREATE TABLE purchase_order (id INTEGER PRIMARY KEY, number TEXT, buyer TEXT, lines TEXT);
