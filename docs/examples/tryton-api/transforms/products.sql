SELECT p.code, p.name, u.id AS unit, true AS purchasable
FROM {{ source('oa_products') }} p
LEFT JOIN {{ source('erp_units') }} u ON u.name = p.unit
