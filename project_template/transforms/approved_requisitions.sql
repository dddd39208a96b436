-- Approved requisitions 已批准 with their lines, ready to become purchase orders.
select
    r.no,
    r.title,
    r.approved_on,
    s.id as supplier_id,
    list({
        'line_no': l.line_no,
        'material': l.material,
        'qty': l.qty,
        'unit': u.erp_unit,
        'price': l.price
    } order by l.line_no, l.id) as lines
from {{ source('oa_requisitions') }} as r
join {{ source('oa_requisition_lines') }} as l on l.requisition_id = r.id
join {{ source('erp_suppliers') }} as s on s.code = r.supplier_code
left join {{ ref('unit_map') }} as u on u.oa_unit = l.unit
where r.status = '已批准'
group by all
