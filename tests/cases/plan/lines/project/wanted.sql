-- lines: JSON, a list of {line, item, qty, price}
CREATE TABLE requisition (number TEXT, buyer TEXT, lines TEXT);
