/** The French form of what the checks of resources and the plan of a set say (row CV22); see `french.ts`. */
export const FRENCH_SETS: Readonly<Record<string, string>> = {
  // One field.
  '{} is missing.': '{} est manquant.',
  'The field {} is not known{}.': 'Le champ {} est inconnu{}.',
  'Did you mean "{}"?': 'Vouliez-vous dire « {} » ?',
  'No field can stand here.': 'Aucun champ ne peut figurer ici.',
  'Known fields: {}.': 'Champs connus : {}.',
  'Write one of: {}.': 'Écrivez une de ces valeurs : {}.',
  '{} holds a value; a secret is given by reference only.': '{} contient une valeur ; un secret se donne seulement par référence.',
  'Write env:NAME or file:path.': 'Écrivez env:NOM ou file:chemin.',
  'A secret is given by reference: env:NAME or file:path.': 'Un secret se donne par référence : env:NOM ou file:chemin.',
  '{} cannot be {}.': '{} ne peut pas être {}.',
  '{} is {}, which is not known.': '{} vaut {}, qui est inconnu.',
  '{} does not fit here. {}': '{} ne convient pas ici. {}',
  '{} has no value; it must be {}.': '{} n’a pas de valeur ; il faut {}.',
  '{} must be {}, not {}.': '{} doit être {}, et non {}.',
  '{} is {}; it must be {}.': '{} vaut {} ; il faut {}.',
  '{} is {}, which is not {}.': '{} vaut {}, qui n’est pas {}.',
  '{} is {}; it must be a multiple of {}.': '{} vaut {} ; il faut un multiple de {}.',
  '{} has a key that is not allowed.': '{} a une clé non autorisée.',
  '{} is empty.': '{} est vide.',
  '{} has {} characters; {} are allowed.': '{} a {} caractères ; {} sont permis.',
  '{} has {} entries; {} is needed.': '{} a {} éléments ; il en faut {}.',
  '{} has {} entries; {} are needed.': '{} a {} éléments ; il en faut {}.',
  '{} has {} entries; {} is allowed.': '{} a {} éléments ; {} est permis.',
  '{} has {} entries; {} are allowed.': '{} a {} éléments ; {} sont permis.',
  'Invalid tier value': 'Valeur de tier invalide',
  'A name is 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit.':
    'Un nom a de 1 à 63 lettres minuscules, chiffres et tirets, et commence et finit par une lettre ou un chiffre.',
  "This name is reserved for the product's own paths.": 'Ce nom est réservé aux chemins du produit.',
  'Give exactly one limit: requests_per_minute (or _second, _hour, _day), or limit with window_secs.':
    'Donnez une seule limite : requests_per_minute (ou _second, _hour, _day), ou limit avec window_secs.',
  'Give the burst once.': 'Donnez burst une seule fois.',
  'An upstream URL has no query and no fragment.': 'Une URL amont n’a ni requête ni fragment.',
  'A URL has at most 2048 characters.': 'Une URL a au plus 2048 caractères.',
  'A URL has no spaces, backslashes or control characters.':
    'Une URL n’a ni espaces, ni barres obliques inverses, ni caractères de contrôle.',
  'It is not an absolute URL such as https://api.example.com.': 'Ce n’est pas une URL absolue telle que https://api.example.com.',
  '"{}" is not supported; use http: or https:.': '« {} » n’est pas pris en charge ; utilisez http: ou https:.',
  'A URL carries no user name and no password.': 'Une URL ne porte ni nom d’utilisateur ni mot de passe.',
  'Nothing is called at {}: private and loopback addresses are refused by this control plane.':
    'Rien n’est appelé à {} : ce plan de contrôle refuse les adresses privées et de bouclage.',
  'Nothing is called at {}: link-local, metadata and reserved addresses are refused.':
    'Rien n’est appelé à {} : les adresses link-local, de métadonnées et réservées sont refusées.',
  'A path begins with "/", has no empty segment and does not end with "/".':
    'Un chemin commence par « / », n’a pas de segment vide et ne finit pas par « / ».',
  'A path has no "." or ".." segment.': 'Un chemin n’a pas de segment « . » ou « .. ».',
  'A name of an issuer has parts such as CN=Acme CA.': 'Un nom d’émetteur a des parties telles que CN=Acme CA.',
  'A fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons.':
    'Une empreinte est le SHA-256 d’un certificat : 64 chiffres hexadécimaux, avec ou sans deux-points.',
  'The path of a health check begins with "/" and has no spaces.':
    'Le chemin d’un contrôle de santé commence par « / » et n’a pas d’espaces.',
  'The document is no OpenAPI 3: its field "openapi" is 3.0 or later.':
    'Le document n’est pas un OpenAPI 3 : son champ « openapi » vaut 3.0 ou plus.',
  'The paths of an OpenAPI document are a mapping.': 'Les chemins (paths) d’un document OpenAPI sont un objet.',
  'The document has {} bytes as JSON; at most {} are kept.': 'Le document fait {} octets en JSON ; au plus {} sont conservés.',
  'The document holds a value that JSON does not know.': 'Le document contient une valeur que JSON ne connaît pas.',
  'The document is nested deeper than {} levels.': 'Le document est imbriqué sur plus de {} niveaux.',
  'The document has a field "__proto__".': 'Le document a un champ « __proto__ ».',
  'upstream_url is one of upstreams; leave it out, or name one of them.':
    'upstream_url est l’un des upstreams ; omettez-le, ou nommez l’un d’eux.',
  'This server is named before; give it a weight instead.': 'Ce serveur est déjà nommé ; donnez-lui plutôt un poids.',
  'A version is one path segment such as v1.': 'Une version est un segment de chemin tel que v1.',
  'Only a target of kind API can be narrowed to a consumer.': 'Seule une cible de type API peut être restreinte à un consommateur.',
  'A method or header name has no spaces or separators.': 'Un nom de méthode ou d’en-tête n’a ni espaces ni séparateurs.',
  'An origin is "*", https://app.example.com or https://*.example.com, without a path.':
    'Une origine est « * », https://app.example.com ou https://*.example.com, sans chemin.',

  // A resource among others.
  'Known kinds: {}.': 'Types connus : {}.',
  'The kind {} is not known.': 'Le type {} est inconnu.',
  'The name is missing, or is no text.': 'Le nom est manquant, ou n’est pas un texte.',
  '{} {} cannot stand in the tenant {}.': '{} {} ne peut pas être dans le tenant {}.',
  'Remove "metadata.tenant".': 'Retirez « metadata.tenant ».',
  '{} does not say which tenant it belongs to.': '{} ne dit pas à quel tenant il appartient.',
  'This {}': 'Ce {}',
  'Add "tenant" to its metadata.': 'Ajoutez « tenant » à ses métadonnées.',
  '{} cannot be a name. {}': '{} ne peut pas être un nom. {}',
  '{} is declared twice; the first is{}.': '{} est déclaré deux fois ; le premier est{}.',
  'Remove or rename one of them.': 'Retirez ou renommez l’un des deux.',
  'There is none of this kind{}.': 'Il n’y en a aucun de ce type{}.',
  'There is: {}{}.': 'Il y a : {}{}.',
  'There is no {} {}{}.': 'Il n’y a pas de {} {}{}.',
  '{} cannot refer to the {} {}: a resource stays within its own tenant.':
    '{} ne peut pas désigner le {} {} : une ressource reste dans son propre tenant.',
  'Name "{}".': 'Nommez « {} ».',
  '{} claims {}, which {} holds{}.': '{} revendique {}, que {} détient{}.',
  'Only one resource of a tenant may hold it: change one of them.':
    'Une seule ressource d’un tenant peut le détenir : changez l’une des deux.',
  'Delete the resource and create it anew, or give the new one another name.':
    'Supprimez la ressource et recréez-la, ou donnez un autre nom à la nouvelle.',
  '"{}" of {} cannot change after it was created.': '« {} » de {} ne peut pas changer après la création.',
  '{} is used by {}.': '{} est utilisé par {}.',
  'Change or delete {} first.': 'Modifiez ou supprimez d’abord {}.',
  '{} "{}" of tenant "{}" holds {} already.': '{} « {} » du tenant « {} » détient déjà {}.',
  'Choose another one, or change or delete that resource first.':
    'Choisissez-en un autre, ou modifiez ou supprimez d’abord cette ressource.',
  'Policy "{}" is bound to this {} already.': 'La politique « {} » est déjà liée à cet élément ({}).',
  'The binding was removed by another request at the same time.': 'La liaison a été retirée par une autre requête au même moment.',

  // A set that is applied.
  '{} depends on what would be deleted, and belongs to project "{}".':
    '{} dépend de ce qui serait supprimé, et appartient au projet « {} ».',
  'Delete it there first, or apply with --take-ownership.': 'Supprimez-le d’abord là-bas, ou appliquez avec --take-ownership.',
  'Run "stoactl diff" again, then apply.': 'Relancez « stoactl diff », puis appliquez.',
  'What goes with {} has changed since the plan was made: it is now {}.':
    'Ce qui part avec {} a changé depuis le plan : c’est maintenant {}.',
  '{} has changed since the plan was made{}.': '{} a changé depuis le plan{}.',
  'What {} is to become is not what was planned: a field, a variable or a secret has another value.':
    'Ce que {} doit devenir n’est pas ce qui était prévu : un champ, une variable ou un secret a une autre valeur.',
  '{} would be changed now, which was not planned{}.': '{} serait modifié maintenant, ce qui n’était pas prévu{}.',
  '{} {} more have changed.': '{} {} autres ont changé.',
  ': {} wrote it at {}': ' : {} l’a écrit le {}',
  'The resource is not the one that If-Match names: {}.': 'La ressource n’est pas celle que désigne If-Match : {}.',
  'it does not exist': 'elle n’existe pas',
  'it has version {}, written by {} at {}': 'elle a la version {}, écrite par {} le {}',
  'Read it again, then try again.': 'Relisez-la, puis réessayez.',
  '{} has changed since it was read.': '{} a changé depuis sa lecture.',

  // Configs of policies.
  'Requests from this address are not accepted.': 'Les requêtes venant de cette adresse ne sont pas acceptées.',
  'Give daily, monthly, or both.': 'Donnez daily, monthly, ou les deux.',
  'Give allow, deny, or both.': 'Donnez allow, deny, ou les deux.',
  'Give request, response, or both.': 'Donnez request, response, ou les deux.',
  '"{}" is not an IP address or network such as 192.0.2.0/24.': '« {} » n’est pas une adresse IP ou un réseau tel que 192.0.2.0/24.',
  '"{}": a prefix has 0 to {} bits.': '« {} » : un préfixe a de 0 à {} bits.',
  '"{}" has bits beyond its prefix: it is an address, not the beginning of a network.':
    '« {} » a des bits au-delà de son préfixe : c’est une adresse, non le début d’un réseau.',
  'Header "{}": {}': 'En-tête « {} » : {}',
  'This header is named twice.': 'Cet en-tête est nommé deux fois.',
  'This header is the gateway’s own: it cannot be changed.': 'Cet en-tête appartient à la passerelle : il ne peut pas être changé.',
  'This header carries credentials: it can be removed, not set.': 'Cet en-tête porte des identifiants : il peut être retiré, pas défini.',
  'A header name has letters, digits and hyphens, and no underscore.':
    'Un nom d’en-tête a des lettres, des chiffres et des tirets, sans tiret bas.',
  'A header value is printable ASCII, without spaces at its ends.':
    'Une valeur d’en-tête est en ASCII imprimable, sans espaces à ses extrémités.',
  'A prefix is made of segments such as /internal/v2, without a slash at its end.':
    'Un préfixe est fait de segments tels que /internal/v2, sans barre oblique à la fin.',
  'A prefix has no dot segments.': 'Un préfixe n’a pas de segments à points.',
  'What is asked with credentials is not kept by them.': 'Ce qui est demandé avec des identifiants n’est pas conservé d’après eux.',
  'Keys are fetched over https, or from this machine.': 'Les clés sont lues par https, ou sur cette machine.',
  'A scope is printable ASCII without spaces, quotes and backslashes.':
    'Un scope est en ASCII imprimable, sans espaces, guillemets ni barres obliques inverses.',
  'A valid access token for this API is needed: Authorization: Bearer TOKEN.':
    'Un jeton d’accès valide pour cette API est nécessaire : Authorization: Bearer TOKEN.',
  'The access token lacks a scope that this API needs.': 'Il manque au jeton d’accès un scope dont cette API a besoin.',
};
