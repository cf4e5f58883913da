/** A small project: orders come from a CSV, one wrong row among them, and a model sums them up. */
export const shop = {
  'phlo.yaml': 'name: shop\n',
  'package.json': '{ "name": "shop", "private": true, "type": "module" }\n',
  'workflows/orders.ts': `import { files, ingestion, quality, z } from 'phlo'

const Order = z.object({
  id: z.int(),
  day: z.iso.date(),
  customer: z.string().min(1),
  amount: z.number().min(0),
})

export const orders = ingestion({ name: 'orders', schema: Order, uniqueKey: 'id' }, files({ path: 'orders.csv' }))

quality(orders, (t) => [t.count({ min: 1 }), t.range('amount', { max: 1000 })])
`,
  'workflows/transforms/dbt/dbt_project.yml': "name: shop\nversion: '1.0'\nconfig-version: 2\n",
  'workflows/transforms/dbt/models/gold/revenue.sql': `select day, sum(amount) as amount, count(*) as orders
from {{ source('shop', 'orders') }}
group by day
`,
  'workflows/transforms/dbt/models/gold/models.yml': `version: 2
sources:
  - name: shop
    schema: bronze
    tables: [{ name: orders }]
models:
  - name: revenue
    columns: [{ name: day, data_tests: [unique, not_null] }]
`,
  'orders.csv':
    'id,day,customer,amount\n1,2024-05-01,ada,10.5\n2,2024-05-01,grace,20\n3,2024-05-02,ada,5\n4,2024-05-02,linus,-1\n',
}

export const mended = 'id,day,customer,amount\n1,2024-05-01,ada,10.5\n2,2024-05-01,grace,20\n3,2024-05-02,ada,5\n'
