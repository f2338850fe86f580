import type { Tree } from '../fixtures/tree.ts'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

/** Doors without a file, files that should be a door and are none, and doors that do not lead where they say. */
export function doorFaults(tree: Tree): string[] {
  const manifest = JSON.parse(tree.get('package.json') ?? '') as Manifest
  const faults: string[] = []
  const open = new Set<string>()
  for (const [door, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') {
      if (!tree.has(target.slice(2))) faults.push(`${door}: there is no ${target}`)
      continue
    }
    // In this order: TypeScript takes the first condition that fits.
    if (Object.keys(target).join() !== 'types,default') faults.push(`${door}: needs the conditions types and default`)
    const emitted = target['default'] ?? ''
    const source = emitted.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')
    if (target['types'] !== emitted.replace(/\.js$/, '.d.ts')) faults.push(`${door}: types are not beside ${emitted}`)
    if (!tree.has(source)) faults.push(`${door}: there is no ${source}`)
    if (!candidates(door).includes(source)) faults.push(`${door}: ${source} is not where its name says`)
    open.add(source)
  }
  for (const path of tree.keys()) {
    if (isDoor(path) && !open.has(path)) faults.push(`${path} is not in the exports of package.json`)
  }
  return faults
}

/** Where the `paths` of tsconfig.test.json look for a door, in their order. */
export function candidates(door: string): string[] {
  if (door === '.') return ['src/index.ts']
  const name = door.slice(2)
  return [`src/adapters/${name}.ts`, `src/${name}/index.ts`, `src/${name}.ts`]
}

/** The index of a folder, of a store's too, or a file of `adapters`: nothing else may be imported from outside. */
function isDoor(path: string): boolean {
  return (
    /^src\/(([a-z-]+|stores\/(?!_)[a-z0-9-]+)\/)?index\.ts$/.test(path) ||
    /^src\/adapters\/(?!_)[a-z0-9-]+\.ts$/.test(path)
  )
}
