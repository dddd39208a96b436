-- A requisition that was approved wants a confirmed purchase; one that was revoked wants none.
SELECT r.no, r.supplier_code, r.reason,
       CASE r.state WHEN 'approved' THEN 'confirmed' ELSE 'undo' END AS stage,
       list({'line_no': l.line_no, 'product_code': l.product_code, 'unit': p.unit, 'qty': l.qty, 'price': l.price}
            ORDER BY l.line_no) AS lines
FROM {{ source('oa_requisitions') }} r
JOIN {{ source('oa_lines') }} l ON l.no = r.no
LEFT JOIN {{ ref('products') }} p ON p.code = l.product_code
WHERE r.state IN ('approved', 'revoked')
GROUP BY ALL
