"""Kubernetes clusters, and what can be done in them.

`worker` and the doctor use it. Only here kubernetes_asyncio is imported, and only when a cluster is
first talked to.
"""
