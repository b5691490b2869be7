// Rules about a file's text and shape: sizes, line lengths, the opening comment, doc comments,
// words that may not appear. They look at one file at a time and know nothing of floors.
import ts from 'typescript'
import { isProduction } from './floors.ts'
import { lineOf, problemAt, type Parsed, type SourceFile } from './tree.ts'

const FILE_LINES_MAX = 450
const FILE_LINES_ADVISED = 400
const LINE_COLUMNS_MAX = 100
const FOLDER_FILES_MAX = 16

/** Tables written by a generator, or long by nature. */
const isTable = (path: string): boolean => path.startsWith('src/wire/messages/')

const isCode = (path: string): boolean => /\.(ts|js|mjs)$/.test(path)

/** Words that may not appear, with what to do instead. */
const BANNED_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'write the limitation as a sentence in the header'],
  [/@ts-(ignore|nocheck|expect-error)/, 'fix the type instead'],
  [
    /eslint-disable(?!-next-line [\w@/-]+(, [\w@/-]+)* -- \S)/,
    'disable one rule on one line, with -- and a reason',
  ],
  [
    /(?<![\w.$}])\/(work|tmp|home|root)\//,
    'no path of one machine; take it from os.tmpdir() or a setting',
  ],
  [/registry\.(npmjs|yarnpkg)\.|pypi\.org|proxy\.golang\.org/, 'no registry hosts in the tree'],
  [/^(<{7}|>{7}|={7})( |$)/, 'a merge conflict was left behind'],
]

/** Files that may hold a banned word, because naming it is their work. */
const WORD_EXEMPT: ReadonlySet<string> = new Set([
  'package-lock.json',
  'LICENSE',
  'test/tidy/text.ts',
  'test/tidy.test.ts',
])

/** Banned words, and trailing blanks. */
export function wordProblems(files: readonly SourceFile[]): string[] {
  const problems: string[] = []
  for (const file of files) {
    if (WORD_EXEMPT.has(file.path)) continue
    file.lines.forEach((line, index) => {
      for (const [pattern, advice] of BANNED_WORDS) {
        const hit = pattern.exec(line)
        if (hit !== null) {
          problems.push(problemAt(file.path, index + 1, `'${hit[0]}' is banned; ${advice}`))
        }
      }
    })
  }
  return problems
}

/** Files too long, lines too wide, folders too full. */
export function sizeProblems(files: readonly SourceFile[]): string[] {
  const problems: string[] = []
  const folders = new Map<string, number>()
  for (const file of files) {
    if (!isCode(file.path) || isTable(file.path)) continue
    if (isProduction(file.path)) {
      const folder = file.path.slice(0, file.path.lastIndexOf('/'))
      folders.set(folder, (folders.get(folder) ?? 0) + 1)
      const count = lineCount(file)
      if (count > FILE_LINES_MAX) {
        const most = String(FILE_LINES_MAX)
        const what = `${String(count)} lines, at most ${most}; split it by idea`
        problems.push(`${file.path}: ${what}`)
      }
    }
    file.lines.forEach((line, index) => {
      if (line.length > LINE_COLUMNS_MAX && !isUnbreakable(file.path, line)) {
        const most = String(LINE_COLUMNS_MAX)
        const what = `${String(line.length)} columns, at most ${most}; wrap it`
        problems.push(problemAt(file.path, index + 1, what))
      }
    })
  }
  for (const [folder, count] of folders) {
    // One file per Kafka API: as many files as there are APIs.
    if (count > FOLDER_FILES_MAX && folder !== 'src/broker/handlers') {
      const most = String(FOLDER_FILES_MAX)
      problems.push(`${folder}: ${String(count)} files, at most ${most}; split it by idea`)
    }
  }
  return problems
}

/** Files between the advised and the allowed length: no failure, but worth a look. */
export function longFiles(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isProduction(file.path) && !isTable(file.path))
    .filter((file) => lineCount(file) > FILE_LINES_ADVISED && lineCount(file) <= FILE_LINES_MAX)
    .map((file) => `${file.path}: ${String(lineCount(file))} lines`)
}

function lineCount(file: SourceFile): number {
  return file.lines.at(-1) === '' ? file.lines.length - 1 : file.lines.length
}

/** Files that do not open with a comment (after a hash-bang). A test file's name says its idea. */
export function headerProblems(files: readonly SourceFile[]): string[] {
  const problems: string[] = []
  for (const file of files) {
    if (!isCode(file.path) || isTable(file.path) || file.path.endsWith('.test.ts')) continue
    const start = file.lines[0]?.startsWith('#!') === true ? 1 : 0
    if (file.lines[start]?.startsWith('//') !== true) {
      problems.push(
        `${file.path}: open with a // comment: the idea, its place, what it refuses to know`,
      )
    }
  }
  return problems
}

/** Default exports, `any`, non-null `!`, inheritance outside errors, exports without a doc. */
export function shapeProblems(files: readonly Parsed[]): string[] {
  const problems: string[] = []
  for (const { file, tree } of files) {
    if (/(^|\/)[^/]*config\.(ts|js)$/.test(file.path)) continue
    const report = (node: ts.Node, what: string): void => {
      problems.push(problemAt(file.path, lineOf(tree, node), what))
    }
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) report(node, '`any` is banned; say what it is')
      else if (ts.isNonNullExpression(node)) report(node, '`!` is banned; use must() or narrow it')
      else if (ts.isClassDeclaration(node)) {
        const parent = node.heritageClauses?.find((h) => h.token === ts.SyntaxKind.ExtendsKeyword)
        if (
          parent !== undefined &&
          !/Error$/.test(parent.types[0]?.expression.getText(tree) ?? '')
        ) {
          report(node, 'inheritance is for errors only; compose instead')
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(tree)
    for (const statement of tree.statements) {
      if (isDefaultExport(statement)) report(statement, 'no default exports; name it')
    }
    if (isProduction(file.path) && !isTable(file.path)) problems.push(...docProblems(file, tree))
  }
  return problems
}

function isDefaultExport(statement: ts.Statement): boolean {
  return ts.isExportAssignment(statement) || hasModifier(statement, ts.SyntaxKind.DefaultKeyword)
}

function hasModifier(node: ts.Node, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === kind) === true
}

/** A run of one-line constants may share the comment above its first. */
function docProblems(file: SourceFile, tree: ts.SourceFile): string[] {
  const problems: string[] = []
  let previousDocumentedLine = -1
  for (const statement of tree.statements) {
    if (!hasModifier(statement, ts.SyntaxKind.ExportKeyword)) continue
    const line = lineOf(tree, statement)
    const last = tree.getLineAndCharacterOfPosition(statement.getEnd()).line + 1
    const documented = ts.getJSDocCommentsAndTags(statement).length > 0
    const inRun = ts.isVariableStatement(statement) && line === previousDocumentedLine + 1
    if (documented || inRun) previousDocumentedLine = last
    else {
      const what = 'an export needs a doc comment: units, ranges, who owns bytes, what it throws'
      problems.push(problemAt(file.path, line, what))
    }
  }
  return problems
}

/** A long address, or the title of a test: a sentence that no formatter can break. */
const isUnbreakable = (path: string, line: string): boolean =>
  /https?:\/\/\S{60}/.test(line) ||
  (path.startsWith('test/') && /^\s*(test|it|describe)(\.\w+)*\(['"`]/.test(line))
