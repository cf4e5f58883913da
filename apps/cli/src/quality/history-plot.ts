import type { CheckPoint } from '@phlo/core'
import { formatTime } from '../output/numbers.js'
import { html, type Html, nothing } from './html-text.js'

const width = 220
const height = 44
const margin = 4

/** The past of a check as pictures: of each figure that it keeps, else of the share of rows that failed. */
export function historyPlots(name: string, history: readonly CheckPoint[]): Html {
  if (history.length < 2) return html`<span class="quiet">one look</span>`
  const figures = new Set(history.flatMap(({ metrics = {} }) => Object.keys(metrics).filter(isFigure)))
  if (figures.size === 0) {
    const shares = history.map(({ failedFraction }) => failedFraction)
    return plot(
      `Share of failing rows of ${name}`,
      history,
      shares,
      (value) => `${Number((value * 100).toPrecision(3))} %`,
    )
  }
  return html`${[...figures].map((figure) => {
    const of = (suffix: string) => history.map(({ metrics }) => metrics?.[`${figure}${suffix}`])
    return html`<figure>
      ${plot(`${figure} of ${name}`, history, of(''), short, { low: of('_low'), high: of('_high') })}
      <figcaption>${figure}</figcaption>
    </figure>`
  })}`
}

/** Bounds of what was expected are drawn behind their figure. */
function isFigure(name: string): boolean {
  return !/_(low|high)$/.test(name)
}

type Values = readonly (number | undefined)[]

function plot(
  title: string,
  history: readonly CheckPoint[],
  values: Values,
  format: (value: number) => string,
  band?: { readonly low: Values; readonly high: Values },
): Html {
  const all = [...values, ...(band?.low ?? []), ...(band?.high ?? [])].filter((value) => value !== undefined)
  if (all.length === 0) return nothing
  const least = Math.min(...all)
  const most = Math.max(...all)
  const span = most - least || 1
  const x = (index: number) => round(margin + (index / (history.length - 1)) * (width - 2 * margin))
  const y = (value: number) => round(height - margin - ((value - least) / span) * (height - 2 * margin))
  const known = values.flatMap((value, index) => (value === undefined ? [] : [{ value, index }]))
  const line = known.map(({ value, index }) => `${x(index)},${y(value)}`).join(' ')
  const last = known.at(-1)
  const words =
    last === undefined
      ? title
      : `${title}: ${format(last.value)} at the last of ${history.length} looks, between ${format(least)} and ${format(most)}`
  return html`<svg class="plot" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
    <title>${words}</title>
    ${band ? bandShape(band, x, y) : nothing}
    <polyline points="${line}" />
    ${known.map(({ value, index }) => {
      const { status, time } = history[index] as CheckPoint
      return html`<circle class="${status}" cx="${x(index)}" cy="${y(value)}" r="2.5"
        ><title>${formatTime(time)}: ${format(value)}, ${status}</title></circle
      >`
    })}
  </svg>`
}

function bandShape(
  { low, high }: { readonly low: Values; readonly high: Values },
  x: (index: number) => number,
  y: (value: number) => number,
): Html {
  const points = low.flatMap((from, index) => {
    const to = high[index]
    return from === undefined || to === undefined ? [] : [{ index, from, to }]
  })
  if (points.length === 0) return nothing
  const edge = [
    ...points.map(({ index, to }) => `${x(index)},${y(to)}`),
    ...points.map(({ index, from }) => `${x(index)},${y(from)}`).reverse(),
  ]
  return html`<polygon class="band" points="${edge.join(' ')}" />`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function short(value: number): string {
  return Number(value.toPrecision(5)).toLocaleString('en-US', { maximumFractionDigits: 4 })
}
