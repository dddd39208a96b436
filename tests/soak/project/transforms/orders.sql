select
    r.no,
    case r.state when 'approved' then 'confirmed' when 'revoked' then 'undo' end as state,
    r.supplier,
    r.note,
    list({'line_no': l.line_no, 'product': l.product, 'quantity': l.quantity, 'price': l.price} order by l.line_no) as lines
from {{ source('requisitions') }} as r
join {{ source('lines') }} as l on l.no = r.no
group by all
