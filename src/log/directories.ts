// Directories whose entries are durable. A file that was synced is lost all the same when a power
// cut takes the entry of its directory, or of a directory above it; so a directory is made level by
// level and each level's parent is synced before anything in it may be acknowledged. What was made
// once is remembered, so that a new segment costs one sync of its own directory and no more.
import type { Disk } from '../ports/disk.ts'

/** Makes directories that survive a power cut. */
export class Directories {
  readonly #disk: Disk
  readonly #made = new Map<string, Promise<void>>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Makes `path` and its parents durable. Concurrent calls share the work. */
  async make(path: string): Promise<void> {
    const names = path.split('/')
    for (let i = 1; i <= names.length; i++) {
      const parent = i === 1 ? '.' : names.slice(0, i - 1).join('/')
      await this.#makeOne(names.slice(0, i).join('/'), parent)
    }
  }

  /** Forgets a directory that was removed. */
  forget(path: string): void {
    this.#made.delete(path)
  }

  #makeOne(path: string, parent: string): Promise<void> {
    let making = this.#made.get(path)
    if (making === undefined) {
      making = this.#disk.makeDirectory(path).then(() => this.#disk.syncDirectory(parent))
      this.#made.set(path, making)
      making.catch(() => this.#made.delete(path))
    }
    return making
  }
}
