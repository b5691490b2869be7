// Which text a scraper wants: OpenMetrics to whom asks for it by name and prefers it, else
// Prometheus text 0.0.4, which everybody reads, browsers and people with curl among them.

/** `text` is Prometheus text 0.0.4, `openmetrics` is OpenMetrics 1.0. */
export type MetricsFormat = 'text' | 'openmetrics'

/** Content types of the formats. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Ranges of an Accept header that are looked at: no scraper sends more. */
const RANGES_MAX = 20

/** The format for an Accept header (RFC 9110, 12.5.1). */
export function metricsFormat(accept: string | undefined): MetricsFormat {
  if (accept === undefined) return 'text'
  let open = 0
  let text = 0
  for (const range of accept.split(',', RANGES_MAX)) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = qualityOf(parameters)
    const version = parameters.find((parameter) => parameter.startsWith('version='))
    if (type === 'application/openmetrics-text') {
      // 0.0.1 is its draft, which reads 1.0 as well; Prometheus names both.
      if (version === undefined || /^version="?(1\.0\.0|0\.0\.1)"?$/.test(version)) {
        open = Math.max(open, quality)
      }
    } else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      text = Math.max(text, quality)
    }
  }
  return open > 0 && open >= text ? 'openmetrics' : 'text'
}

function qualityOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
  if (text === undefined) return 1
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0
}
