-- The same morning in the OA: somebody edits by hand, a buyer learns a new telephone number, a requisition is approved.
update user set title = '厂长' where login = 'E0003';
update supplier set payment_days = 90 where code = 'S0005';
update supplier set contact_phone = '0574-5550 8888' where code = 'S0002';
update requisition set status = '已批准', approved_on = '2026-11-23' where no = 'PR-2026-0004';
