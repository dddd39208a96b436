-- A supplier of the relation that no party of the ERP stands behind.
select supplier.code
from {{ ref('suppliers') }} as supplier
left join {{ source('erp_parties') }} as party on party.code = supplier.code
where party.id is null
