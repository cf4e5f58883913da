import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

/** A project's folder for tests, removed by {@link close}. */
export class ProjectFolder {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  /** With these files; `phlo.yaml` among them or not. */
  static async make(files: Readonly<Record<string, string>>): Promise<ProjectFolder> {
    const folder = new ProjectFolder(await realpath(await mkdtemp(path.join(os.tmpdir(), 'phlo-project-'))))
    for (const [name, content] of Object.entries(files)) await folder.write(name, content)
    return folder
  }

  async write(name: string, content: string): Promise<string> {
    const file = path.join(this.dir, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content)
    return file
  }

  async close(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
  }
}
