// The log: one line per event on standard error, by pino. JSON when a machine reads it, words when
// a person does. Lines that the reader does not take are kept up to a limit and then dropped and
// counted: a slow log collector must not stop the broker.
import { isatty } from 'node:tty'
import { pino } from 'pino'
import type { DestinationStream, Level } from 'pino'
import { loggable, loggableText } from './metrics/log-fields.ts'

/** From which level on events are logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Where and how events are logged. */
export interface LoggerOptions {
  readonly level: LogLevel
  /** Fields of every line, such as the node id. Empty when absent. */
  readonly base?: Readonly<Record<string, string | number>>
  /** `auto`, the default, is `text` when standard error is a terminal. */
  readonly format?: 'auto' | 'json' | 'text'
  /** Takes whole lines instead of standard error. */
  readonly write?: (line: string) => void
}

/** A logger of events. */
export interface Logger {
  /** Logs one event; fields that are secret or too large are taken out. */
  log(
    level: Exclude<LogLevel, 'silent'>,
    event: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void
  /** Lines dropped because standard error did not take them. */
  readonly dropped: number
  /** Hands everything to the operating system before it returns. */
  flush(): void
}

/** Bytes of lines that wait for standard error; above it lines are dropped. */
const WAITING_BYTES_MAX = 1024 * 1024

/** Keys that every line has. */
const RESERVED = new Set(['level', 'time', 'event'])

/** The logger of this process. */
export function createLogger(options: LoggerOptions): Logger {
  const { format = 'auto' } = options
  const asText = format === 'text' || (format === 'auto' && isatty(2))
  const out = options.write === undefined ? standardError() : givenOutput(options.write)
  const stream: DestinationStream = asText
    ? { write: (line) => out.stream.write(textLine(line)) }
    : out.stream
  const base = options.base ?? {}
  const lines = pino(
    {
      level: options.level,
      base: { ...base },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {},
    },
    stream,
  )
  return {
    log: (level: Level, event, fields) => {
      if (!lines.isLevelEnabled(level)) return
      const clean = fields === undefined ? {} : loggable(fields)
      for (const key of Object.keys(clean)) {
        if (!RESERVED.has(key) && !Object.hasOwn(base, key)) continue
        clean[`${key}_`] = clean[key]
        delete clean[key]
      }
      lines[level](clean, loggableText(event))
    },
    get dropped() {
      return out.dropped()
    },
    flush: out.flush,
  }
}

interface Output {
  readonly stream: DestinationStream
  dropped(): number
  flush(): void
}

const givenOutput = (write: (line: string) => void): Output => ({
  stream: { write },
  dropped: () => 0,
  flush: () => undefined,
})

function standardError(): Output {
  const stream = pino.destination({ dest: 2, sync: false, maxLength: WAITING_BYTES_MAX })
  let dropped = 0
  stream.on('drop', () => dropped++)
  // A reader that went away is not a reason to stop; what it missed is counted.
  stream.on('error', () => dropped++)
  return {
    stream,
    dropped: () => dropped,
    flush: () => {
      stream.flushSync()
    },
  }
}

/** One JSON line as a person reads it: time, level, event, then name=value. */
export function textLine(json: string): string {
  const fields = JSON.parse(json) as Record<string, unknown>
  const { level, time, event, ...rest } = fields
  const clock = String(time).slice(11, 23)
  const words = Object.entries(rest).map(([name, value]) => `${bare(name)}=${bare(value)}`)
  const tag = String(level).toUpperCase().padEnd(5)
  return `${[clock, tag, bare(event, true), ...words].join(' ')}\n`
}

/** As it is when it is one plain word, else quoted; no control character reaches the terminal. */
function bare(value: unknown, spaces = false): string {
  const plain = spaces ? /^[\w .:/@+-]+$/ : /^[\w.:/@+-]+$/
  if (typeof value === 'string' && plain.test(value)) return value
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
