-- Telephone numbers on their way back into the ERP. A supplier that the OA does not have keeps the ERP's own.
select s.code, case when p.code is null then s.contact_phone else p.contact_phone end as contact_phone
from {{ source('erp_suppliers') }} as s
left join {{ source('oa_supplier_phones') }} as p on p.code = s.code
