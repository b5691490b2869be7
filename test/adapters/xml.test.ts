import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { childrenOf, escapeXml, parseXml, textOf } from '../../adapters/object-store/shared/xml.ts'

describe('parseXml()', () => {
  it('reads what stores answer', () => {
    const root = parseXml(
      '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3/doc">' +
        '<!-- a page --><Contents><Key>a&amp;b&#x2F;c&#100;</Key><ETag>&quot;e&quot;</ETag>' +
        '</Contents>\n <Contents><Key/><Owner id="1"></Owner></Contents></ListBucketResult>\n',
    )
    expect(root.name).toBe('ListBucketResult')
    const [first, second] = childrenOf(root, 'Contents')
    expect(first && textOf(first, 'Key')).toBe('a&b/cd')
    expect(first && textOf(first, 'ETag')).toBe('"e"')
    expect(second && textOf(second, 'Key')).toBe('')
    expect(textOf(root, 'Absent')).toBe('')
  })

  it('gives back any text that escapeXml() has taken', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textOf(parseXml(`<a><b>${escapeXml(text)}</b></a>`), 'b')).toBe(text)
      }),
    )
  })

  it.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a>x<b/></a>',
    '<a>&nope;</a>',
    '<a>&</a>',
    '<a b=c/>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<a><![CDATA[b]]></a>',
    '<html><body>Bad gateway<br></body></html>',
    '<a>'.repeat(17) + '</a>'.repeat(17),
  ])('refuses %s', (document) => {
    expect(() => parseXml(document)).toThrow('the answer')
  })

  it('refuses or reads any bytes, and always ends', () => {
    const piece = fc.constantFrom('<a>', '</a>', '<b/>', '&lt;', '&', '<', '>', '<!--', '-->', 'x')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          parseXml(pieces.join(''))
        } catch (error) {
          expect(String(error)).toContain('the answer')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
