-- Suppliers in the agreed shape. A category without an entry in category_map holds its row (see transforms.yml).
select
    s.code,
    trim(nfkc(s.name)) as name,
    s.tax_no,
    s.category as erp_category,
    m.oa_category as category,
    s.payment_days,
    s.contact_phone,
    s.active
from {{ source('erp_suppliers') }} as s
left join {{ ref('category_map') }} as m on m.erp_category = s.category
