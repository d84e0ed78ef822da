"""A stand-in for Kubernetes: one API server on loopback for each cluster, with the controllers behind it.

`cluster.Cluster` is what the sandbox, the story and the tests start, steer and ask; `platform` fills
one. It runs no container and reaches nothing beyond this machine.

It is written on aiohttp rather than on kmock, which has no resourceVersions, generations or
managedFields, no preconditions, scale or evictions, no access rules and no controllers, and stores
what it answers with an error: of what remediation must get right, too little would be left.
"""
