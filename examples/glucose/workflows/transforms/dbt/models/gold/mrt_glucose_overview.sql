select
    reading_date,
    count(*) as readings,
    round(100.0 * count(*) / {{ var('readings_per_day', 288) }}, 1) as coverage_percent,
    round(avg(glucose_mg_dl), 1) as mean_glucose,
    min(glucose_mg_dl) as lowest,
    max(glucose_mg_dl) as highest,
    round(100.0 * count(*) filter (where glucose_category = 'in_range') / count(*), 1) as time_in_range_percent,
    round(100.0 * count(*) filter (where glucose_category = 'hypoglycemia') / count(*), 1) as time_below_percent,
    round(100.0 * count(*) filter (where glucose_category like 'hyperglycemia%') / count(*), 1) as time_above_percent
from {{ ref('fct_glucose_readings') }}
group by reading_date
