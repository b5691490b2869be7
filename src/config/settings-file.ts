// The text of a settings file as plain values: YAML, of which JSON is a part. Apart from load.ts,
// so that a broker without such a file starts without loading a parser. Pure: the caller reads the
// file.
import { parseDocument } from 'yaml'
import { UsageError } from '../base/errors.ts'

/** What the text holds: names and values, or nothing. Throws UsageError with line and column. */
export const parseSettings = ({
  path,
  text,
}: {
  readonly path: string
  readonly text: string
}): unknown => {
  const document = parseDocument(text, { intAsBigInt: true })
  const fault = document.errors[0]
  if (fault !== undefined) {
    const why = fault.message.split('\n')[0] ?? fault.code
    throw new UsageError(`Cannot read settings from ${path}: ${why}`, { cause: fault })
  }
  const content: unknown = document.toJS()
  if (content !== null && (typeof content !== 'object' || Array.isArray(content))) {
    throw new UsageError(`Cannot read settings from ${path}: it must hold names and values`)
  }
  return content
}
