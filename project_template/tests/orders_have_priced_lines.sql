-- A returned row is a failure: an approved requisition with a line that costs nothing.
select r.no
from {{ source('oa_requisitions') }} as r
join {{ source('oa_requisition_lines') }} as l on l.requisition_id = r.id
where r.status = '已批准' and l.price <= 0
