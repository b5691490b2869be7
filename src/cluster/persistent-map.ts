// An immutable map with structural sharing: a hash array mapped trie (Bagwell, 2001) of 32-way
// branches. The metadata image is made of these, so that a change copies a path of a few dozen
// words however many topics there are, and old images stay valid while readers hold them.
// A draft edits nodes that it made itself in place: folding many records copies each path once.
// Integer keys hash to themselves, which makes partitions a dense radix trie. Iteration order is
// that of the hashes: stable for equal content, but no order a reader may rely on.
import { assert } from '../base/assert.ts'

/** What may be a key. Numbers must be integers. */
export type MapKey = string | number

interface Leaf<K, V> {
  readonly kind: 'leaf'
  readonly hash: number
  readonly key: K
  readonly value: V
}

/** Leaves whose whole hash is the same. */
interface Clash<K, V> {
  readonly kind: 'clash'
  readonly hash: number
  readonly leaves: readonly Leaf<K, V>[]
}

interface Branch<K, V> {
  readonly kind: 'branch'
  /** The draft that made this node and may edit it; anybody else copies. */
  readonly owner: object
  bitmap: number
  readonly nodes: Node<K, V>[]
}

type Node<K, V> = Leaf<K, V> | Clash<K, V> | Branch<K, V>

const BITS = 5

const hashOf = (key: MapKey): number => {
  if (typeof key === 'number') return key | 0
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}

const bitOf = (hash: number, shift: number): number => 1 << ((hash >>> shift) & 31)

const countBits = (value: number): number => {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

const slotOf = (bitmap: number, bit: number): number => countBits(bitmap & (bit - 1))

const find = <K extends MapKey, V>(root: Node<K, V> | null, key: K): Leaf<K, V> | undefined => {
  const hash = hashOf(key)
  let node = root
  for (let shift = 0; node !== null; shift += BITS) {
    if (node.kind === 'leaf') return node.key === key ? node : undefined
    if (node.kind === 'clash') {
      return node.hash === hash ? node.leaves.find((leaf) => leaf.key === key) : undefined
    }
    const bit = bitOf(hash, shift)
    if ((node.bitmap & bit) === 0) return undefined
    node = node.nodes[slotOf(node.bitmap, bit)] ?? null
  }
  return undefined
}

const split = <K, V>(
  owner: object,
  shift: number,
  a: Leaf<K, V> | Clash<K, V>,
  b: Leaf<K, V>,
): Branch<K, V> => {
  assert(shift <= 30, 'Different hashes differ in one of their 32 bits')
  const bitA = bitOf(a.hash, shift)
  const bitB = bitOf(b.hash, shift)
  if (bitA === bitB) {
    return { kind: 'branch', owner, bitmap: bitA, nodes: [split(owner, shift + BITS, a, b)] }
  }
  const nodes = bitA >>> 0 < bitB >>> 0 ? [a, b] : [b, a]
  return { kind: 'branch', owner, bitmap: bitA | bitB, nodes }
}

const owned = <K, V>(branch: Branch<K, V>, owner: object): Branch<K, V> =>
  branch.owner === owner
    ? branch
    : { kind: 'branch', owner, bitmap: branch.bitmap, nodes: [...branch.nodes] }

const put = <K, V>(
  node: Node<K, V> | null,
  shift: number,
  leaf: Leaf<K, V>,
  owner: object,
): Node<K, V> => {
  if (node === null) return leaf
  if (node.kind === 'leaf') {
    if (node.key === leaf.key) return node.value === leaf.value ? node : leaf
    if (node.hash !== leaf.hash) return split(owner, shift, node, leaf)
    return { kind: 'clash', hash: leaf.hash, leaves: [node, leaf] }
  }
  if (node.kind === 'clash') {
    if (node.hash !== leaf.hash) return split(owner, shift, node, leaf)
    const others = node.leaves.filter((other) => other.key !== leaf.key)
    return { kind: 'clash', hash: leaf.hash, leaves: [...others, leaf] }
  }
  const bit = bitOf(leaf.hash, shift)
  const slot = slotOf(node.bitmap, bit)
  if ((node.bitmap & bit) === 0) {
    const branch = owned(node, owner)
    branch.bitmap |= bit
    branch.nodes.splice(slot, 0, leaf)
    return branch
  }
  const before = node.nodes[slot] ?? null
  const after = put(before, shift + BITS, leaf, owner)
  if (after === before) return node
  const branch = owned(node, owner)
  branch.nodes[slot] = after
  return branch
}

const cut = <K, V>(
  node: Node<K, V>,
  shift: number,
  hash: number,
  key: K,
  owner: object,
): Node<K, V> | null => {
  if (node.kind === 'leaf') return node.key === key ? null : node
  if (node.kind === 'clash') {
    const leaves = node.leaves.filter((leaf) => leaf.key !== key)
    if (leaves.length === node.leaves.length) return node
    return leaves.length === 1 ? (leaves[0] ?? null) : { ...node, leaves }
  }
  const bit = bitOf(hash, shift)
  if ((node.bitmap & bit) === 0) return node
  const slot = slotOf(node.bitmap, bit)
  const before = node.nodes[slot]
  assert(before !== undefined, 'A branch has a node for each bit of its bitmap')
  const after = cut(before, shift + BITS, hash, key, owner)
  if (after === before) return node
  const branch = owned(node, owner)
  if (after === null) {
    branch.bitmap &= ~bit
    branch.nodes.splice(slot, 1)
  } else branch.nodes[slot] = after
  if (branch.nodes.length === 0) return null
  const only = branch.nodes.length === 1 ? branch.nodes[0] : undefined
  return only !== undefined && only.kind !== 'branch' ? only : branch
}

const walk = function* <K, V>(node: Node<K, V> | null): Generator<Leaf<K, V>> {
  if (node === null) return
  if (node.kind === 'leaf') yield node
  else if (node.kind === 'clash') yield* node.leaves
  else for (const child of node.nodes) yield* walk(child)
}

/** An immutable map. Two versions share all that did not change between them. */
export class PersistentMap<K extends MapKey, V> {
  readonly size: number
  readonly #root: Node<K, V> | null

  private constructor(root: Node<K, V> | null, size: number) {
    this.#root = root
    this.size = size
  }

  /** The map without entries. */
  static empty<K extends MapKey, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>(null, 0)
  }

  get(key: K): V | undefined {
    return find(this.#root, key)?.value
  }

  has(key: K): boolean {
    return find(this.#root, key) !== undefined
  }

  *keys(): Generator<K> {
    for (const leaf of walk(this.#root)) yield leaf.key
  }

  *values(): Generator<V> {
    for (const leaf of walk(this.#root)) yield leaf.value
  }

  /** A version of this map to be changed; this one stays as it is. */
  draft(): MapDraft<K, V> {
    return new MapDraft(this, this.#root, (root, size) => new PersistentMap<K, V>(root, size))
  }
}

/** A map under construction. `freeze` may be called again after more changes. */
export class MapDraft<K extends MapKey, V> {
  #frozen: PersistentMap<K, V> | null
  #root: Node<K, V> | null
  #size: number
  #owner: object = {}
  readonly #make: (root: Node<K, V> | null, size: number) => PersistentMap<K, V>

  /** For PersistentMap.draft() only. */
  constructor(
    from: PersistentMap<K, V>,
    root: Node<K, V> | null,
    make: (root: Node<K, V> | null, size: number) => PersistentMap<K, V>,
  ) {
    this.#frozen = from
    this.#root = root
    this.#size = from.size
    this.#make = make
  }

  get size(): number {
    return this.#size
  }

  get(key: K): V | undefined {
    return find(this.#root, key)?.value
  }

  has(key: K): boolean {
    return find(this.#root, key) !== undefined
  }

  set(key: K, value: V): void {
    assert(typeof key === 'string' || Number.isInteger(key), 'A numeric map key is an integer')
    const isNew = !this.has(key)
    const leaf: Leaf<K, V> = { kind: 'leaf', hash: hashOf(key), key, value }
    const root = put(this.#root, 0, leaf, this.#owner)
    if (isNew) this.#size += 1
    this.#changed(root)
  }

  delete(key: K): boolean {
    if (this.#root === null || !this.has(key)) return false
    this.#changed(cut(this.#root, 0, hashOf(key), key, this.#owner))
    this.#size -= 1
    return true
  }

  #changed(root: Node<K, V> | null): void {
    this.#root = root
    this.#frozen = null
  }

  /** The map as it is now; the very map the draft began with when nothing was changed. */
  freeze(): PersistentMap<K, V> {
    this.#frozen ??= this.#make(this.#root, this.#size)
    this.#owner = {}
    return this.#frozen
  }
}
