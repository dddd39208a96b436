CREATE TABLE requisition (number TEXT, supplier TEXT, wanted TEXT);
