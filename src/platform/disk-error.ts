// What the operating system says when a file operation fails, turned into the kinds the rest of
// the program acts on. It knows errno names, and nothing of why the operation ran.
import { OperatingError } from '../base/errors.ts'
import type { OperatingErrorKind } from '../base/errors.ts'

const kinds: Readonly<Record<string, OperatingErrorKind>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'refused',
  EBADF: 'refused',
  EEXIST: 'refused',
  EISDIR: 'refused',
  EINVAL: 'refused',
  ENAMETOOLONG: 'refused',
  ENOTEMPTY: 'refused',
  EPERM: 'refused',
  EROFS: 'refused',
  EXDEV: 'refused',
  EAGAIN: 'retry',
  EMFILE: 'retry',
  ENFILE: 'retry',
  ENOMEM: 'retry',
}

/** The errno name of a system error, or '' when it has none. */
export const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/**
 * The OperatingError for a failed system call. `action` reads "create journal/1.wal". What is not
 * known to be harmless counts as `broken`: EIO, and every errno this file has no opinion about.
 */
export const diskError = (action: string, error: unknown): OperatingError => {
  if (error instanceof OperatingError) return error
  const code = errnoOf(error)
  const why = code === '' ? String(error) : code
  return new OperatingError(kinds[code] ?? 'broken', `Cannot ${action}: ${why}`, error)
}
