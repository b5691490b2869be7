// What a directory store needs of files: names that no key can have, directories that are durable,
// a walk in the order of the keys. Paths are absolute; nothing here knows conditions or tokens.
import type { BigIntStats, Dirent } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'

/** What the store's own files begin with; no segment of a key may. */
export const OWN = '~'

/** An upload's file: it lies beside the object that it will become. */
export const uploadName = (name: string): string => `${OWN}${crypto.randomUUID()}~${name}`

/** The object's name in the name of an upload's file; null for anything else. */
export const uploadedName = (name: string): string | null =>
  /^~[0-9a-f-]{36}~(.+)$/.exec(name)?.[1] ?? null

/** The code of a failed system call, or ''. */
export const codeOf = (error: unknown): string =>
  (error as { readonly code?: string } | null)?.code ?? ''

/** What the promise gives, or null when there is no such path. */
export async function orAbsent<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    throw error
  }
}

/** Changes with every write: it is another file, and its time never that of the one before. */
export const tokenOf = (stats: BigIntStats): string =>
  `${stats.mtimeNs.toString(36)}-${stats.ino.toString(36)}-${stats.size.toString(36)}`

/** Makes the entries of a directory durable, and of every one above it up to `root`. */
export async function syncUpwards(root: string, directory: string): Promise<void> {
  for (let at = directory; ; at = path.dirname(at)) {
    const handle = await fs.open(at, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (at === root || at === path.dirname(at)) return
  }
}

/** Removes directories that have become empty, from `directory` upwards, but not `root`. */
export async function removeEmpty(root: string, directory: string): Promise<void> {
  for (let at = directory; at !== root && at !== path.dirname(at); at = path.dirname(at)) {
    try {
      await fs.rmdir(at)
    } catch {
      return // not empty, or somebody else has removed it
    }
  }
}

interface Entry {
  readonly name: string
  readonly isDirectory: boolean
}

/**
 * Paths of files below `root`, relative, with `/`, in ascending order of their bytes: those that
 * begin with `prefix` and come after `after`. `own` asks for the store's own files instead of the
 * objects. Holds one directory of each level in memory. What goes away meanwhile is left out.
 */
export async function* walk(
  root: string,
  { prefix, after = '', own = false }: WalkOptions,
  below = '',
): AsyncGenerator<string, void, undefined> {
  for (const { name, isDirectory } of await entriesOf(path.join(root, below))) {
    const found = below + name
    if (isDirectory) {
      // Compared as far as both reach: a folder may hold the prefix, or be in it.
      const length = Math.min(found.length, prefix.length)
      if (found.slice(0, length) !== prefix.slice(0, length)) continue
      if (found < after.slice(0, found.length)) continue
      yield* walk(root, { prefix, after, own }, found)
    } else if (name.startsWith(OWN) === own && (own || found.startsWith(prefix))) {
      if (found > after) yield found
    }
  }
}

interface WalkOptions {
  readonly prefix: string
  readonly after?: string
  readonly own?: boolean
}

/** A folder sorts as its files do, by its name and a slash: `a-b` comes before `a/b`. */
async function entriesOf(directory: string): Promise<readonly Entry[]> {
  const found: readonly Dirent[] =
    (await orAbsent(fs.readdir(directory, { withFileTypes: true }))) ?? []
  return found
    .map((entry) => {
      const isDirectory = entry.isDirectory()
      return { name: isDirectory ? `${entry.name}/` : entry.name, isDirectory }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
