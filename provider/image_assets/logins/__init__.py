"""One question, "the login for this registry" (and the path in it), with all its sources. START READING IN `logins`.

docker_config   the files of docker and podman, read here only; `helpers`: the programs that they name
keychain        what the settings give and what docker has stored, each as a keychain
given           what the program's resources were given (`registryAuth`), in memory only
logins          all of them, and ECR's, in their order; also for a builder
identity        what makes two spellings of a repository the same one
insecure        the hosts that may do without TLS
registries      one client for each registry and login
"""
