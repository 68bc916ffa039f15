/**
 * Source text with comments, or comments and texts, overwritten by spaces, so that what is searched for is found in code
 * alone. Places and line numbers stay. It knows as much of TypeScript as that takes: texts, templates, patterns.
 */
export interface BlankedSource {
  /** Neither comments nor the insides of texts, templates and patterns. */
  readonly code: string
  /** No comments. */
  readonly uncommented: string
}

type Kind = 'code' | 'text' | 'comment'

const beforePattern = /(?:^|[=(,;:?!&|[{}<>+*%~^-]|\breturn|\bcase|\btypeof|\bof|\bin)\s*$/
const commentToken = /\/\/[^\n]*|\/\*[^]*?\*\//y
const textToken = /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y
const patternToken = /\/(?![/*])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const templatePart = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y

export const blankSource = (source: string): BlankedSource => {
  let code = ''
  let uncommented = ''
  /** For each open template, how many braces are open inside its `${`. */
  const braces: number[] = []

  const append = (text: string, kind: Kind): void => {
    const spaces = text.replaceAll(/[^\n]/g, ' ')
    code += kind === 'code' ? text : spaces
    uncommented += kind === 'comment' ? spaces : text
  }
  /** The quotes of a text stay in both, so that an argument is still seen to be one. */
  const appendText = (text: string): void => {
    append(text.slice(0, 1), 'code')
    append(text.slice(1, -1), 'text')
    append(text.slice(-1), 'code')
  }
  const match = (expression: RegExp): string | undefined => {
    expression.lastIndex = code.length
    return expression.exec(source)?.[0]
  }
  /** A template from its opening, or from the end of one of its expressions, to the next expression or to its end. */
  const appendTemplate = (opening: string): void => {
    append(opening, 'code')
    append(match(templatePart) ?? '', 'text')
    const isExpression = source.startsWith('${', code.length)
    if (isExpression) braces.push(0)
    append(source.slice(code.length, code.length + (isExpression ? 2 : 1)), 'code')
  }

  while (code.length < source.length) {
    const next = source[code.length] ?? ''
    const comment = match(commentToken)
    const literal = comment === undefined ? (match(textToken) ?? (next === '/' && beforePattern.test(code.slice(-40)) ? match(patternToken) : undefined)) : undefined
    const open = braces.at(-1)
    if (comment !== undefined) append(comment, 'comment')
    else if (literal !== undefined) appendText(literal)
    else if (next === '`') appendTemplate(next)
    else if (next === '}' && open === 0) {
      braces.pop()
      appendTemplate(next)
    } else {
      if (open !== undefined && (next === '{' || next === '}')) braces[braces.length - 1] = open + (next === '{' ? 1 : -1)
      append(next, 'code')
    }
  }
  return { code, uncommented }
}
