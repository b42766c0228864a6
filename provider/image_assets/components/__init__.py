"""The components: they compose resources and decide nothing about images.

assets        the asset components and the replica
component     a component in the making, and one that was made
deployment    what components know of where they are made
dispatch      from a type or method token to what answers it
emulated      the ARNs of repositories whose host does not tell them
grant_checks  what can be wrong with a grant, told before anything is made
grants        grants on a repository: methods of the components, and the inputs that do the same for YAML
options       Pulumi's options on a component: what becomes of each on the component itself, and on its children
refusals      how a component that cannot be made, and a method that cannot be called, say so
repository    the component that is an ECR repository of the program's own
stack_aws     what the stack's own `aws:` configuration says about reaching ECR
"""
