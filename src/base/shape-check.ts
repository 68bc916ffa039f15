/**
 * A fast yes for values of the right shape: a valibot schema read once and turned into one function, so that the shapes of
 * records that come by the thousand cost no parsing. Its "no" means only that valibot must look, which also says what is
 * wrong; and what a schema has that is not known here makes it say no to everything.
 */
import * as v from 'valibot'

type Check = (value: unknown) => boolean

/** The only transformation that may be part of a checked shape: it changes the type, not the value. */
export const sameValue = <To>(value: unknown): To => value as To

const compiled = new WeakMap<object, Check>()

/** True only for values that the schema accepts as they are. */
export const hasShape = (schema: v.GenericSchema, value: unknown): boolean => {
  let check = compiled.get(schema)
  if (check === undefined) {
    check = compile(schema) ?? never
    compiled.set(schema, check)
  }
  return check(value)
}

const never: Check = () => false

/** Undefined where something in it is not known here. */
const compile = (schema: unknown): Check | undefined => {
  if (!isNode(schema)) return undefined
  if (Array.isArray(schema['pipe'])) return compileAll(schema['pipe'].map((part, index) => (index === 0 ? compile(part) : compileAction(part))))
  return compileType(schema)
}

type Node = Readonly<Record<string, unknown>>
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

const compileAll = (checks: readonly (Check | undefined)[]): Check | undefined => {
  const known = checks.filter((check) => check !== undefined)
  if (known.length < checks.length) return undefined
  return (value) => {
    for (const check of known) if (!check(value)) return false
    return true
  }
}

const compileType = (schema: unknown): Check | undefined => {
  if (!isNode(schema)) return undefined
  switch (schema['type']) {
    case 'string': return (value) => typeof value === 'string'
    case 'number': return (value) => typeof value === 'number' && !Number.isNaN(value)
    case 'boolean': return (value) => typeof value === 'boolean'
    case 'literal': return (value) => value === schema['literal']
    case 'picklist': return compileChoice(schema['options'])
    case 'custom': return compilePredicate(schema['check'])
    case 'instance': return schema['class'] === Uint8Array ? (value) => value instanceof Uint8Array : undefined
    case 'nullable': return compileNullable(compile(schema['wrapped']))
    case 'array': return compileList(compile(schema['item']))
    case 'strict_tuple': return compileTuple(schema['items'])
    case 'strict_object': return compileObject(schema['entries'])
    case 'variant': return compileVariant(schema['key'], schema['options'])
    default: return undefined
  }
}

const compileAction = (action: unknown): Check | undefined => {
  if (!isNode(action)) return undefined
  const { requirement } = action
  switch (action['type']) {
    case 'regex': return requirement instanceof RegExp && !requirement.global && !requirement.sticky ? (value) => requirement.test(String(value)) : undefined
    case 'safe_integer': return (value) => Number.isSafeInteger(value)
    case 'integer': return (value) => Number.isInteger(value)
    case 'min_value': return typeof requirement === 'number' ? (value) => Number(value) >= requirement : undefined
    case 'max_value': return typeof requirement === 'number' ? (value) => Number(value) <= requirement : undefined
    case 'min_length': return typeof requirement === 'number' ? (value) => lengthOf(value) >= requirement : undefined
    case 'max_length': return typeof requirement === 'number' ? (value) => lengthOf(value) <= requirement : undefined
    case 'check': return compilePredicate(requirement)
    case 'transform': return action['operation'] === sameValue ? () => true : undefined
    default: return undefined
  }
}

const lengthOf = (value: unknown): number => (typeof value === 'string' || Array.isArray(value) ? value.length : Number.NaN)

const compilePredicate = (predicate: unknown): Check | undefined => (typeof predicate === 'function' ? (value) => predicate(value) === true : undefined)

const compileChoice = (options: unknown): Check | undefined => {
  if (!Array.isArray(options)) return undefined
  const known = new Set<unknown>(options)
  return (value) => known.has(value)
}

const compileNullable = (wrapped: Check | undefined): Check | undefined => (wrapped === undefined ? undefined : (value) => value === null || wrapped(value))

const compileList = (item: Check | undefined): Check | undefined => (item === undefined ? undefined : (value) => Array.isArray(value) && value.every((each) => item(each)))

const compileTuple = (items: unknown): Check | undefined => {
  if (!Array.isArray(items)) return undefined
  const checks = items.map(compile)
  const known = checks.filter((check) => check !== undefined)
  if (known.length < checks.length) return undefined
  return (value) => Array.isArray(value) && value.length === known.length && known.every((check, index) => check(value[index]))
}

const compileObject = (entries: unknown): Check | undefined => {
  if (!isNode(entries)) return undefined
  const fields = Object.keys(entries)
  const wrapped = fields.map((field) => wrappedOf(entries[field]))
  const checks = fields.map((field, index) => compile(wrapped[index] ?? entries[field]))
  const known = checks.filter((check) => check !== undefined)
  if (known.length < checks.length) return undefined
  return (value) => {
    if (!isNode(value)) return false
    let seen = 0
    for (let index = 0; index < fields.length; index += 1) {
      const field = fields[index] ?? ''
      if (Object.hasOwn(value, field)) {
        if (known[index]?.(value[field]) !== true) return false
        seen += 1
      } else if (wrapped[index] === undefined) return false
    }
    return Object.keys(value).length === seen
  }
}

/** What a field must be where it is there; undefined for one that must be there. */
const wrappedOf = (schema: unknown): unknown => (isNode(schema) && schema['type'] === 'exact_optional' && schema['default'] === undefined ? schema['wrapped'] : undefined)

/** Each option is a closed object that names itself by a literal under `key`. */
const compileVariant = (key: unknown, options: unknown): Check | undefined => {
  if (typeof key !== 'string' || !Array.isArray(options)) return undefined
  const byName = new Map<unknown, Check>()
  for (const option of options) {
    const entries: unknown = isNode(option) && option['type'] === 'strict_object' ? option['entries'] : undefined
    const name = isNode(entries) ? entries[key] : undefined
    const check = compile(option)
    if (!isNode(name) || name['type'] !== 'literal' || check === undefined || byName.has(name['literal'])) return undefined
    byName.set(name['literal'], check)
  }
  return (value) => isNode(value) && byName.get(value[key])?.(value) === true
}
