select day, flights
from {{ ref('daily_delays') }}
where flights <> (
    select count(*)
    from {{ ref('flights_enriched') }} as e
    where e.departure_day = day
)
