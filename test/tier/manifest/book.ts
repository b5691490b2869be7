// An archive's manifest with its pages in memory, changed the way PartitionArchive changes one:
// after every change what has no room is spilled, and pages that are too many are joined. Pages
// are taken as they are, without the sums and hashes that the bytes have for the sake of the store.
import { must } from '../../../src/base/assert.ts'
import type { Crypto } from '../../../src/ports/crypto.ts'
import {
  entriesToSpill,
  pagesToJoin,
  withJoined,
  withSpilled,
} from '../../../src/tier/manifest/change.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { encodeHead } from '../../../src/tier/manifest/head.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import { Page, encodePage, type PageRef } from '../../../src/tier/manifest/page.ts'

/** A manifest and all pages that it was ever made of. */
export class Book {
  manifest: Manifest
  readonly #crypto: Crypto
  readonly #pagesMax: number | undefined
  readonly #pages = new Map<string, Uint8Array>()
  /** Bytes of pages that were written. */
  writtenBytes = 0
  spills = 0
  joins = 0
  loads = 0

  constructor(crypto: Crypto, manifest: Manifest, pagesMax?: number) {
    this.#crypto = crypto
    this.manifest = manifest
    this.#pagesMax = pagesMax
  }

  /** Makes a change and keeps the head small. */
  change(apply: (manifest: Manifest) => Manifest): void {
    this.manifest = apply(this.manifest)
    const count = entriesToSpill(this.manifest)
    if (count > 0) {
      const ref = this.#keep(this.manifest.entries.slice(0, count))
      this.manifest = withSpilled(this.manifest, count, ref)
      this.spills++
    }
    const join = pagesToJoin(this.manifest, this.#pagesMax)
    if (join !== null) {
      const refs = this.manifest.pages.slice(join.from, join.to)
      const ref = this.#keep(refs.flatMap((one) => this.page(one).entries()))
      this.manifest = withJoined(this.manifest, join, ref)
      for (const { hash } of refs) this.#pages.delete(hash)
      this.joins++
    }
  }

  /** Size of the head. */
  get headBytes(): number {
    return encodeHead(this.#crypto, this.manifest).length
  }

  /** A page, opened anew. */
  page(ref: PageRef): Page {
    this.loads++
    return Page.open(this.#crypto, must(this.#pages.get(ref.hash), 'A page that was kept'))
  }

  /** Every segment that the manifest names, in pages and in the head. */
  entries(): SegmentEntry[] {
    const { pages, entries } = this.manifest
    return [...pages.flatMap((ref) => this.page(ref).entries()), ...entries]
  }

  #keep(entries: readonly SegmentEntry[]): PageRef {
    const { ref, bytes } = encodePage(this.#crypto, entries)
    this.#pages.set(ref.hash, bytes)
    this.writtenBytes += bytes.length
    return ref
  }
}
