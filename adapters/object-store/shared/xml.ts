// The XML that object stores answer with, read strictly: elements with text, no mixed content, no
// document types, entities of five names and numbers. Workers have no DOMParser, and a general
// parser knows far more than these answers may hold. Attributes are skipped.
import { FormatError } from '../../../src/base/errors.ts'

/** One element. Either `children` or `text` is filled. */
export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  readonly text: string
}

const DEPTH_MAX = 16
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** A declaration or comment; a tag with its attributes; text. */
const TOKEN = [
  String.raw`<\?[^>]*\?>|<!--[\s\S]*?-->`,
  String.raw`<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>`,
  '([^<]+)',
].join('|')

interface Open {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

/** The root element of a document; throws FormatError for anything that is not such a document. */
export function parseXml(document: string): XmlElement {
  const token = new RegExp(TOKEN, 'y')
  const stack: Open[] = []
  let root: XmlElement | null = null
  token.lastIndex = document.startsWith('\ufeff') ? 1 : 0
  while (token.lastIndex < document.length) {
    const found = token.exec(document)
    if (found === null) throw new FormatError('the answer is not XML of an object store')
    const [, closing, name, , empty, text] = found
    const top = stack.at(-1)
    if (text !== undefined) {
      if (top !== undefined) top.text += text
      else if (text.trim() !== '') throw new FormatError('the answer has text outside of XML')
    } else if (name !== undefined && closing === '/') {
      if (top?.name !== name) throw new FormatError('the answer closes what it has not opened')
      stack.pop()
      root = finish(top, stack.at(-1)) ?? root
    } else if (name !== undefined) {
      if (root !== null) throw new FormatError('the answer has two roots')
      if (stack.length >= DEPTH_MAX) throw new FormatError('the answer is nested too deeply')
      const opened = { name, children: [], text: '' }
      if (empty === '/') root = finish(opened, top) ?? root
      else stack.push(opened)
    }
  }
  if (root === null || stack.length > 0) throw new FormatError('the answer ends too early')
  return root
}

function finish(done: Open, parent: Open | undefined): XmlElement | null {
  if (done.children.length > 0 && done.text.trim() !== '') {
    throw new FormatError('the answer mixes text and elements')
  }
  const text = done.children.length > 0 ? '' : decode(done.text)
  const element = { name: done.name, children: done.children, text }
  parent?.children.push(element)
  return parent === undefined ? element : null
}

const decode = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));|&/gi, (all, hex, decimal, name) => {
    if (typeof hex === 'string') return String.fromCodePoint(Number.parseInt(hex, 16))
    if (typeof decimal === 'string') return String.fromCodePoint(Number(decimal))
    const known = typeof name === 'string' ? NAMED[name] : undefined
    if (known === undefined)
      throw new FormatError(`the answer has an unknown entity ${String(all)}`)
    return known
  })

/** The children of that name. */
export const childrenOf = (element: XmlElement, name: string): readonly XmlElement[] =>
  element.children.filter((child) => child.name === name)

/** The text of the first child of that name; '' when there is none. */
export const textOf = (element: XmlElement, name: string): string =>
  element.children.find((child) => child.name === name)?.text ?? ''

/** Text as it may stand in an element. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (found) => {
    const name = Object.keys(NAMED).find((one) => NAMED[one] === found)
    return `&${name ?? ''};`
  })
