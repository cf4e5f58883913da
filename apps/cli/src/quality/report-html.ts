import type { CheckStatus, QualityReport, ReportedAsset, ReportedCheck } from '@phlo/core'
import { formatCount, formatTime, plural } from '../output/numbers.js'
import { cellText } from '../output/text-table.js'
import { historyPlots } from './history-plot.js'
import { html, type Html, nothing } from './html-text.js'
import { style } from './report-style.js'

const words: Readonly<Record<CheckStatus, { readonly mark: string; readonly word: string }>> = {
  passed: { mark: '✓', word: 'passed' },
  warned: { mark: '!', word: 'warned' },
  failed: { mark: '✗', word: 'failed' },
  errored: { mark: '✗', word: 'could not run' },
}

/** The report as one page that needs nothing else: no script, no font, no network. */
export function reportHtml({ project, madeAt, counts, assets }: QualityReport): string {
  const statuses = Object.keys(words) as CheckStatus[]
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Quality of ${project}</title>
        <style>
          ${{ html: style }}
        </style>
      </head>
      <body>
        <header>
          <h1>Quality of ${project}</h1>
          <p class="quiet">
            As checks last found it; made
            <time datetime="${new Date(madeAt).toISOString()}">${formatTime(madeAt)} UTC</time>
          </p>
          <ul class="counts">
            ${statuses.map(
              (status) => html`<li class="${status}"><strong>${counts[status]}</strong> ${words[status].word}</li>`,
            )}
          </ul>
        </header>
        <main>${assets.length === 0 ? html`<p>No asset has checks.</p>` : nothing} ${assets.map(assetSection)}</main>
      </body>
    </html> `
  return page.html
}

function assetSection({ asset, checks, neverRan }: ReportedAsset): Html {
  return html`<section>
    <h2>${asset}</h2>
    ${checks.length === 0 ? nothing : checkTable(asset, checks)}
    ${neverRan.length === 0 ? nothing : html`<p class="quiet">Not run yet: ${neverRan.join(', ')}</p>`}
  </section>`
}

function checkTable(asset: string, checks: readonly ReportedCheck[]): Html {
  return html`<div class="wide" role="region" aria-label="Checks of ${asset}" tabindex="0">
    <table>
      <caption>
        Checks of ${asset}
      </caption>
      <thead>
        <tr>
          <th scope="col">Result</th>
          <th scope="col">Check</th>
          <th scope="col">Layer</th>
          <th scope="col" class="number">Failing rows</th>
          <th scope="col">Last look (UTC)</th>
          <th scope="col">Past</th>
        </tr>
      </thead>
      <tbody>
        ${checks.map(checkRow)}
      </tbody>
    </table>
  </div>`
}

function checkRow({ result, time, ref, history }: ReportedCheck): Html {
  const { mark, word } = words[result.status]
  const { failed_count: failed, total_count: total, partition_key: partition } = result.metadata
  return html`<tr>
    <td>
      <span class="status ${result.status}"><span aria-hidden="true">${mark}</span> ${word}</span>
    </td>
    <th scope="row">${result.name}<span class="about">${result.description}</span>${details(result)}</th>
    <td>${result.layer}</td>
    <td class="number">
      ${formatCount(failed)}${total === undefined ? nothing : html` <span class="quiet">of ${formatCount(total)}</span>`}
    </td>
    <td>
      <time datetime="${new Date(time).toISOString()}">${formatTime(time)}</time
      ><span class="about"
        >${partition ?? ''}
        ${result.snapshotId === undefined ? ref.slice(0, 40) : `snapshot ${result.snapshotId}`}</span
      >
    </td>
    <td>${historyPlots(result.name, history)}</td>
  </tr>`
}

function details({ observed, error, metadata }: ReportedCheck['result']): Html {
  const { sample = [], repro_sql: repro } = metadata
  const seen = error ? `${error.code}: ${error.message}` : observed
  const columns = [...new Set(sample.flatMap((row) => Object.keys(row)))]
  return html`${seen === undefined ? nothing : html`<span class="seen">${seen}</span>`}${
    repro === undefined
      ? nothing
      : html`<details>
          <summary>${plural(sample.length, 'failing row')}</summary>
          <div class="wide" role="region" aria-label="Failing rows" tabindex="0">
            <table class="sample">
              <thead>
                <tr>
                  ${columns.map((name) => html`<th scope="col">${name}</th>`)}
                </tr>
              </thead>
              <tbody>
                ${sample.map(
                  (row) =>
                    html`<tr>
                      ${columns.map((name) => html`<td>${cellText(row[name])}</td>`)}
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>
          <pre><code>${repro}</code></pre>
        </details>`
  }`
}
