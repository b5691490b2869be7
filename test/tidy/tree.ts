// The repository as the tidy rules see it: every source file's text, syntax tree, imports and the
// globals it uses, read once. Rules are functions of this picture alone, so that a test can hand
// them a planted violation as easily as the real tree. Knows no rule itself.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** One file of the repository. */
export interface SourceFile {
  /** Path from the repository's root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
}

/** One import, export-from or `import()` of a TypeScript file, type imports included. */
export interface ImportEdge {
  readonly line: number
  /** As written: `node:fs`, `zod`, `../base/units.ts`. */
  readonly specifier: string
  /** Path from the root for a relative import, else null. */
  readonly target: string | null
}

/** What a TypeScript file says, by its syntax tree. */
export interface Parsed {
  readonly file: SourceFile
  readonly imports: readonly ImportEdge[]
  readonly tree: ts.SourceFile
}

/** Makes a source file from its text; for the real tree and for planted violations alike. */
export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, lines: text.split('\n') }
}

/** All text files that git tracks or would track, in order. */
export function readTree(root: string): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files: SourceFile[] = []
  for (const path of [...new Set(listed.split('\0'))].sort()) {
    if (path === '' || path === 'node_modules') continue
    const bytes = readOrNull(join(root, path))
    if (bytes === null || bytes.includes(0)) continue // deleted but not yet staged, or binary
    files.push(sourceFile(path, bytes.toString('utf8')))
  }
  return files
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

/** Parses a TypeScript file and collects its imports. */
export function parse(file: SourceFile): Parsed {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)
  const imports: ImportEdge[] = []
  const add = (node: ts.Node, specifier: string): void => {
    const line = lineOf(tree, node)
    const target = specifier.startsWith('.')
      ? join(dirname(file.path), specifier).replaceAll('\\', '/')
      : null
    imports.push({ line, specifier, target })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier
      if (from !== undefined && ts.isStringLiteral(from)) add(node, from.text)
    } else if (ts.isImportTypeNode(node)) {
      const argument = node.argument
      if (ts.isLiteralTypeNode(argument) && ts.isStringLiteral(argument.literal)) {
        add(node, argument.literal.text)
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const argument = node.arguments[0]
      if (argument !== undefined && ts.isStringLiteralLike(argument)) add(node, argument.text)
    }
    ts.forEachChild(node, visit)
  }
  // A full walk is needed only for `import()` expressions and types; most files have neither.
  if (file.text.includes('import(')) visit(tree)
  else for (const statement of tree.statements) visitTop(statement, visit)
  return { file, imports, tree }
}

function visitTop(statement: ts.Statement, visit: (node: ts.Node) => void): void {
  if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) visit(statement)
}

/** 1-based line of a node. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

/**
 * Uses of the named globals: identifiers that are read as values or called, not property names,
 * and not names which the file declares or imports itself.
 */
export function globalUses(
  parsed: Parsed,
  names: ReadonlySet<string>,
): { readonly name: string; readonly line: number }[] {
  const found: { name: string; line: number }[] = []
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && names.has(node.text)) {
      if (isDeclarationName(node)) declared.add(node.text)
      else if (!isPropertyName(node)) {
        found.push({ name: node.text, line: lineOf(parsed.tree, node) })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed.tree)
  return found.filter((use) => !declared.has(use.name))
}

function isDeclarationName(node: ts.Identifier): boolean {
  const parent = node.parent
  return (
    ((ts.isVariableDeclaration(parent) ||
      ts.isParameter(parent) ||
      ts.isFunctionDeclaration(parent) ||
      ts.isBindingElement(parent) ||
      ts.isImportSpecifier(parent) ||
      ts.isInterfaceDeclaration(parent) ||
      ts.isTypeAliasDeclaration(parent) ||
      ts.isClassDeclaration(parent)) &&
      parent.name === node) ||
    (ts.isImportClause(parent) && parent.name === node)
  )
}

function isPropertyName(node: ts.Identifier): boolean {
  const parent = node.parent
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isQualifiedName(parent) && parent.right === node) ||
    ((ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isGetAccessorDeclaration(parent) ||
      ts.isSetAccessorDeclaration(parent)) &&
      parent.name === node) ||
    (ts.isBindingElement(parent) && parent.propertyName === node)
  )
}

/** How every problem is told: where, what, and what to do. */
export function problemAt(path: string, line: number, what: string): string {
  return `${path}:${String(line)}: ${what}`
}
