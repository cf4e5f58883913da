select
    reading_hour,
    count(*) as readings,
    round(avg(glucose_mg_dl), 1) as mean_glucose,
    round(quantile_cont(glucose_mg_dl, 0.1), 1) as p10_glucose,
    round(quantile_cont(glucose_mg_dl, 0.9), 1) as p90_glucose
from {{ ref('fct_glucose_readings') }}
group by reading_hour
