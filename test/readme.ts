// Reads a Markdown file's fenced blocks. A block whose info string says `run` is an example to be
// executed; `background` in it means that it stays up; a block `text output` states what the one
// before it prints. Knows nothing of what is in them.

/** One fenced block. */
export interface Block {
  readonly language: string
  readonly words: readonly string[]
  readonly text: string
  /** 1-based line of the opening fence. */
  readonly line: number
}

/** An example with what it should print, if that is stated. */
export interface Example {
  readonly block: Block
  readonly output: string | null
}

/** All fenced blocks in order. */
export function fencedBlocks(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly info: string; readonly line: number; readonly lines: string[] } | null = null
  markdown.split('\n').forEach((text, index) => {
    const fence = /^```(.*)$/.exec(text)
    if (fence === null) {
      open?.lines.push(text)
    } else if (open === null) {
      open = { info: fence[1] ?? '', line: index + 1, lines: [] }
    } else {
      const [language = '', ...words] = open.info.split(/\s+/)
      blocks.push({ language, words, text: `${open.lines.join('\n')}\n`, line: open.line })
      open = null
    }
  })
  if (open !== null) throw new Error('a fenced block is not closed')
  return blocks
}

/** The blocks marked `run`, each with its stated output. */
export function examples(markdown: string): Example[] {
  const blocks = fencedBlocks(markdown)
  return blocks.flatMap((block, index) => {
    if (!block.words.includes('run')) return []
    const next = blocks[index + 1]
    const stated = next?.words.includes('output') === true
    return [{ block, output: stated ? next.text : null }]
  })
}
