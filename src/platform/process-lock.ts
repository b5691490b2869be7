// A lock between processes that the kernel takes back when its holder dies, however it dies. Node
// has no flock; SQLite, which is in Node, Deno and Bun alike, takes fcntl locks on its file, and an
// open EXCLUSIVE transaction on an empty database writes nothing at all. So nothing can be stale:
// no pid to recycle, no start time to compare, no container with process numbers of its own.
//
// What must hold: nothing in this process opens and closes the lock file by other means, because
// POSIX drops a process's locks on a file when it closes any descriptor of it. A file system
// without fcntl locks is refused rather than trusted.
import * as fs from 'node:fs/promises'
import { OperatingError } from '../base/errors.ts'
import { diskError } from './disk-error.ts'

/** Suffix of the file with the holder's pid, for the message that a second process prints. */
const HOLDER = '.pid'

/** Databases whose lock is held: a collected one would close itself and give the lock away. */
const held = new Set<object>()

/**
 * Takes the lock at the absolute `path`; throws `refused` with the holder's pid when another
 * process, or this one, has it. Returns the release, which may be called more than once.
 */
export const lockPath = async (path: string): Promise<() => Promise<void>> => {
  const { DatabaseSync } = await import('node:sqlite')
  let database: InstanceType<typeof DatabaseSync>
  try {
    database = new DatabaseSync(path)
  } catch (error) {
    throw new OperatingError('refused', `Cannot lock ${path}: ${String(error)}`, error)
  }
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw await refusal(path, error)
  }
  held.add(database)
  const release = async (): Promise<void> => {
    if (!held.delete(database)) return
    await fs.rm(path + HOLDER, { force: true })
    database.close()
  }
  try {
    await fs.writeFile(path + HOLDER, `${process.pid}\n`)
  } catch (error) {
    held.delete(database)
    database.close()
    throw diskError(`lock ${path}`, error)
  }
  return release
}

const refusal = async (path: string, error: unknown): Promise<OperatingError> => {
  if (!String(error).includes('locked')) {
    return new OperatingError('refused', `Cannot lock ${path}: ${String(error)}`, error)
  }
  // Between the holder's lock and its note lies a moment; the pid is a courtesy, the lock is not.
  const pid = await fs.readFile(path + HOLDER, 'utf8').then(
    (text) => text.trim(),
    () => 'not known yet',
  )
  return new OperatingError('refused', `Cannot lock ${path}: held by process ${pid}`, error)
}
