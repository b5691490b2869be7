// What goes wrong when a socket is opened, as the kinds the rest of the program acts on.
import { OperatingError } from '../base/errors.ts'

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/**
 * The failure to listen on `host:port`: `absent` when this machine lacks the address family or the
 * address, else `refused`.
 */
export const listenError = (host: string, port: number, error: unknown): OperatingError => {
  const code = codeOf(error)
  const absent = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
  const why = code === '' ? String(error) : code
  return new OperatingError(
    absent ? 'absent' : 'refused',
    `Cannot listen on ${host}:${port}: ${why}`,
    error,
  )
}

/** The failure to reach `host:port`; whoever is there may answer later. */
export const connectError = (host: string, port: number, error: unknown): OperatingError =>
  new OperatingError(
    'retry',
    `Cannot connect to ${host}:${port}: ${codeOf(error) || String(error)}`,
    error,
  )

/** `host:port`, with brackets around an IPv6 host. */
export const addressText = (host: string | undefined, port: number | undefined): string =>
  host === undefined ? 'unknown' : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
