SELECT
    r.req_no,
    r.supplier,
    r.needed_by,
    list({'line_no': l.line_no, 'item': l.item, 'qty': l.qty, 'price': l.price} ORDER BY l.line_no) AS lines
FROM {{ source('oa_requisitions') }} AS r
JOIN {{ source('oa_requisition_lines') }} AS l ON l.req_no = r.req_no
GROUP BY r.req_no, r.supplier, r.needed_by
