import type { CheckResult } from '@phlo/core'

interface DatedResult {
  readonly result: CheckResult
  /** Milliseconds since 1970. */
  readonly time: number
}

/**
 * Results as JUnit's XML, which CI systems show: a suite for each asset, a case for each check. Warnings are cases that passed,
 * with what was seen as their output; a check that could not run is an error.
 */
export function junitXml(name: string, results: readonly DatedResult[]): string {
  const assets = [...new Set(results.map(({ result }) => result.asset))]
  const suites = assets.map((asset) => {
    const own = results.filter(({ result }) => result.asset === asset)
    const time = new Date(Math.max(...own.map((item) => item.time))).toISOString().slice(0, 19)
    return [
      `  <testsuite name="${escaped(asset)}" ${counts(own)} timestamp="${time}">`,
      ...own.map(({ result }) => testCase(result)),
      '  </testsuite>',
    ].join('\n')
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(name)}" ${counts(results)}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n')
}

function counts(results: readonly DatedResult[]): string {
  const count = (status: CheckResult['status']) => results.filter(({ result }) => result.status === status).length
  return `tests="${results.length}" failures="${count('failed')}" errors="${count('errored')}" skipped="0"`
}

function testCase(result: CheckResult): string {
  const { asset, name, description, status, observed, error, metadata } = result
  const open = `    <testcase classname="${escaped(asset)}" name="${escaped(name)}"`
  const { failed_count: failed, total_count: total, repro_sql: repro } = metadata
  const seen = [
    description,
    observed ?? (failed > 0 ? `${failed}${total === undefined ? '' : ` of ${total}`} failed` : ''),
    ...(repro === undefined ? [] : [repro]),
  ].filter((text) => text !== '')
  switch (status) {
    case 'passed':
      return `${open}/>`
    case 'warned':
      return `${open}>\n      <system-out>${escaped(seen.join('\n'))}</system-out>\n    </testcase>`
    case 'failed':
      return `${open}>\n      <failure message="${escaped(seen.slice(0, 2).join(': '))}">${escaped(seen.join('\n'))}</failure>\n    </testcase>`
    case 'errored':
      return `${open}>\n      <error message="${escaped(error?.message ?? '')}" type="${escaped(error?.code ?? '')}">${escaped(error?.hint ?? '')}</error>\n    </testcase>`
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Text of XML 1.0; characters that it cannot hold are replaced. */
function escaped(text: string): string {
  return text
    .replaceAll(/(?![\t\n\r])\p{Cc}|\p{Surrogate}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll(/[&<>"\n\r\t]/g, (character) => entities[character] as string)
}
