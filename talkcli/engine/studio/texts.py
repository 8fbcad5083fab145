"""What the studio's speakers say: sentences grown from word lists and patterns of our own, without end."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    """Parts between bars; a line may break anywhere."""
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


NOUNS = _words("""
apple bamboo basket bathroom beach bicycle bishop bridge butcher button cabbage camera candle captain
carpet castle cathedral chapel cheese cherry chicken child chimney church circle citizen cloud coffee
college corner cottage cousin culture cushion daughter desert diamond dinosaur doctor dolphin dragon
drummer eagle elbow elephant engine evening father feather finger fisherman flower forest fortune
fountain fox freedom garage garden giraffe glove goose grandmother grape guitar hammer harbour hedge
helmet honey horse hospital house husband island jacket journey judge juice jungle kitchen knife ladder
language leather leopard leisure letter library lighthouse lizard lobster machine magic magazine marble
market measure meadow medicine melody merchant milk mirage mirror money monkey moon morning mother
mountain mouse mouth museum mushroom music nephew newspaper nurse oak ocean office onion orchard orange
owl oyster painter palace paper parrot peach pearl pebble pencil people pepper photograph piano picture
pigeon pillow pipe pirate planet pocket poem potato pressure prisoner pudding puppy question rabbit radio
rainbow region river robin rocket rose sailor salmon sandwich school scissors seashell shadow shepherd
ship shoulder shrimp sister soldier song spoon station stew stomach storm story strawberry street student
sugar summer supper sweater table tailor teacher telephone theatre thief thumb thunder tiger tongue tooth
tower toy train treasure tree trumpet turtle uncle union valley vegetable violin vision visitor voice
voyage wagon watch water weather wedding wheel whisper widow window winter wizard wolf woman yard year
yogurt youth zebra zoo
""")

VERBS = _words("""
admired answered baked believed borrowed bought brought brushed buried called carried caught changed
chased choked chose cleaned climbed combed cooked copied counted covered crushed described discovered
dropped enjoyed examined finished followed forgave forgot found gathered gave grabbed hammered heard hid
imagined improved judged jumped kicked kissed knew lifted left liked lost loved made measured mended met
missed mixed moved needed offered opened ordered painted passed picked played polished praised preferred
promised pulled pushed placed reached read remembered repaired rescued saved served shaped shared shook
showed smelled sold sought spared stole studied taught thanked threw touched trusted understood used
valued visited wanted warmed washed watched welcomed wove wrapped
""")

ADJECTIVES = _words("""
angry beautiful big blue brave brief bright broad brown calm careful cheap clean clever cold common cosy
curious dark deep dry dusty early easy empty enormous famous fancy fast fierce foolish fresh friendly
funny gentle golden good green happy heavy honest huge humble hungry jolly kind large lazy little lonely
long loud lovely lucky mighty modern muddy narrow nervous new noisy odd old patient peculiar perfect
plain pleasant polite poor proud purple quick quiet rare red rich rough round royal rusty sad shallow
sharp shiny short shy silent silly simple sleepy slow small smooth soft sour special spicy square strange
strong sweet tall tender thick thin thoughtful tiny tired tough usual vague warm weak wet whole wide wild
wise wooden worthy yellow young youthful
""")

ADVERBS = _words("""
again always badly barely bravely briefly calmly carefully cheerfully daily early easily everywhere
finally foolishly gladly gently happily hardly loudly maybe mostly nearby never often patiently perhaps
politely proudly quickly quietly rarely really slowly softly somehow sometimes soon suddenly then there
thoroughly together tonight twice usually warmly wisely yesterday
""")

NAMES = _words("""
Abby Adam Alice Amir Anna Arthur Barbara Ben Beth Bob Boris Carla Charlie Chloe Clara Colin Daisy David
Dora Edith Emma Ethan Eve Faith Felix Fiona Frank George Grace Hannah Harry Helen Hugh Ida Ingrid Ivan
Jack James Jane Joyce Judith Julia Kate Keith Laura Leo Lucy Maggie Martha Max May Miriam Moses Nathan
Nora Oliver Olga Oscar Pam Patrick Paul Peggy Phoebe Pierre Polly Rachel Robert Rose Roy Ruth Sam Sasha
Sheila Sophie Steven Susan Ted Theo Thomas Timothy Toby Ursula Vera Victor Wanda Wendy Will Yasmin Yusuf
Zachary Zoe
""")

PLACES = _phrases("""
above the village|across the bay|after lunch|against the wall|among the bushes|around the corner|
at the market|at the top of the stairs|before breakfast|behind the barn|below the bridge|
beside the fire|between two chairs|by the shore|during the storm|for seven years|
from the back of the shop|in a boat|in Babylon|in Paris|in March|in the middle of July|
in the bathroom|inside the box|near the church|next to the pool|on a Thursday|on the beach|
on the fifth of February|on the roof|opposite the museum|out of the garage|over the bumpy road|
past the mill|through the fog|towards the south|under the old oak|until Wednesday|up the path|
with both thumbs|with great pleasure|without a word|without much trouble|within an hour
""")

PATTERNS = (
    "{N} {v} the {a} {n} {p}.",
    "The {a} {n} {v} a {n}, but {N} {v} the {n} {d}.",
    "Why would {N} and {N} bring {i} {a} {n} {p}?",
    "{P}, the {n} {v} {N} and the {a} {n}.",
    "Please put the {n} and the {n} {p}, would you?",
    "My {n} {v} your {a} {n}; {N} {d} {v} ours.",
    "Is it {a} or {a}? {N} thinks it is {a}.",
    "I hope you may {d} see {i} {n} {p}.",
    "{N}! Where is the {a}, {a} {n} of my {n}?",
    "They {v} it {d}, and {d} the {n} {v} them.",
    "Both {N} and the {n} {v} this {a} {n} {p}.",
    "You should buy {c} {n}s and {c} {a} {n}s {p}.",
    "If the {n} is {a}, {N} will never give up the {n}.",
    "What a {a} {n}! {N} {v} that {n} {d}.",
    "We {v} {N}, who {d} {v} the {n} {p}.",
    "There were {c} {n}s {p}, and {c} more {p}.",
    "No, thank you. The {n} {p} is much too {a}.",
    "He {v} her, she {v} him, and I {v} the {a} {n}.",
    "{N} lives at number {c}, {p}.",
    "Oh, how {a} you are, said the {n} to the {n}.",
)

RICH = (
    "The quick brown fox jumps over the lazy dog.",
    "Please bring me five big pipes from the back of the shop.",
    "My father thought of buying a new purple bike before March.",
    "Peter Piper picked a peck of pickled peppers.",
    "She sells sea shells by the sea shore.",
    "How much wood would a woodchuck chuck if a woodchuck could chuck wood?",
    "Mary had a little lamb, its fleece was white as snow.",
    "To be, or not to be, that is the question.",
    "It was the best of times, it was the worst of times.",
    "Shall I compare thee to a summer's day? Thou art more lovely and more temperate.",
    "Call me Ishmael.",
    "We hold these truths to be self-evident, that all men are created equal.",
    "Tyger Tyger, burning bright, in the forests of the night.",
    "I wandered lonely as a cloud that floats on high o'er vales and hills.",
    "Once upon a midnight dreary, while I pondered, weak and weary.",
    "All happy families are alike; every unhappy family is unhappy in its own way.",
    "A thing of beauty is a joy for ever.",
    "The owl and the pussy-cat went to sea in a beautiful pea-green boat.",
    "Water, water, everywhere, nor any drop to drink.",
    "Humpty Dumpty sat on a wall, Humpty Dumpty had a great fall.",
)
"""Our own, nursery rhymes, and short lines long in the public domain."""

PHRASES = {
    "de": _phrases("""
Guten Morgen, wie geht es Ihnen heute?|Das Boot fährt über den breiten Fluss.|Bitte bringen Sie
mir ein Pfund Äpfel und ein Brot.|Der Papagei sprach sehr schnell und pfiff dabei.|Wir möchten
morgen früh ans Meer.|Warum bleibt die blaue Blume im Fenster?|Über allen Gipfeln ist Ruh.|
Meine Mutter backt am Samstag Pflaumenkuchen.|Fünf kleine Vögel singen im Baum.|Ich habe das
Buch vom Bürgermeister gefunden.
"""),
    "fr": _phrases("""
Bonjour, comment allez-vous aujourd'hui?|Le petit bateau passe sous le pont.|Ma mère prépare une
bonne soupe aux pommes de terre.|Pourquoi veux-tu partir avant la pluie?|Longtemps, je me suis
couché de bonne heure.|Un bon vin blanc et du pain frais, s'il vous plaît.|Nous avons vu des
oiseaux bleus dans le jardin.|Il faut bien beaucoup de patience.|La lune monte au-dessus de la
montagne.|Je ne peux pas oublier ce beau visage.
"""),
    "es": _phrases("""
Buenos días, amigo, ¿cómo te va?|En un lugar de la Mancha, de cuyo nombre no quiero acordarme.|
Mi abuelo vive en un pueblo pequeño.|El pájaro verde vuela sobre el mar.|¿Por qué no bebes un
poco de agua?|La profesora explica bien la pregunta.|Mañana vamos a bailar toda la noche.|Pablo
compró cinco panes y una botella.|El viejo barco volvió al puerto.|Me gusta mucho la fruta
madura.
"""),
    "it": _phrases("""
Buongiorno, come sta oggi?|Nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura.|
Mia madre prepara il pane e la pasta.|Il bambino beve un bicchiere di latte.|Perché non vieni a
trovarmi domani?|La barca passa sotto il ponte vecchio.|Abbiamo comprato pomodori e basilico.|
Che bella giornata di primavera!|Il gufo vola sopra il campo.|Vorrei un piccolo caffè, per
favore.
"""),
    "pt-br": _phrases("""
Bom dia, tudo bem com você?|O menino brinca perto do rio.|Minha avó faz um bolo de milho muito
bom.|Por que você não bebe um pouco de água?|O barco velho voltou para o porto.|Amanhã vamos
passear pela praia.|A professora explicou bem a pergunta.|Meu primo comprou pão e queijo.
"""),
    "nl": _phrases("""
Goedemorgen, hoe gaat het met u?|De boot vaart onder de brug door.|Mijn moeder bakt op zondag
een appeltaart.|Waarom blijft de poes bij het vuur?|Wij willen morgen vroeg naar zee.|Vijf
bruine vogels zitten in de boom.|Het boek ligt boven op de kast.|Mag ik een pond kaas,
alstublieft?
"""),
    "pl": _phrases("""
Dzień dobry, jak się pan miewa?|Mój brat kupił nowy rower.|Babcia piecze pyszny chleb.|Mały
ptak śpiewa na wysokim drzewie.|Proszę wody i dwa jabłka.|Wczoraj padał deszcz, a dziś świeci
słońce.|Popłyniemy łodzią przez jezioro.
"""),
    "sv": _phrases("""
God morgon, hur mår du i dag?|Båten åker under bron.|Min mamma bakar bröd på lördag.|Varför
blåser det så mycket vid havet?|Fem små fåglar sjunger i trädet.|Jag vill ha en kopp kaffe och
en bulle.
"""),
    "ru": _phrases("""
Доброе утро, как ваши дела?|Моя бабушка печёт вкусный хлеб.|Маленькая птица поёт на высоком
дереве.|Почему ты не пьёшь воду?|Завтра мы поедем к морю.|Все счастливые семьи похожи друг на
друга.|Брат купил новую книгу.
"""),
    "tr": _phrases("""
Günaydın, bugün nasılsınız?|Küçük kuş ağaçta şarkı söylüyor.|Annem pazar günü ekmek yapar.|
Neden biraz su içmiyorsun?|Yarın sabah denize gideceğiz.|Bu mavi kapı bahçeye açılıyor.
"""),
    "fi": _phrases("""
Hyvää huomenta, mitä kuuluu?|Pieni lintu laulaa puussa.|Äiti leipoo pullaa lauantaina.|Huomenna
mennään veneellä järvelle.|Miksi pöydällä on viisi omenaa?|Vanha mies puhuu hyvin hiljaa.
"""),
    "cs": _phrases("""
Dobrý den, jak se máte?|Babička peče výborný chléb.|Malý pták zpívá na vysokém stromě.|Proč
nepiješ vodu?|Zítra pojedeme k moři.|Můj bratr koupil nové kolo.
"""),
    "id": _phrases("""
Selamat pagi, apa kabar?|Burung kecil itu bernyanyi di pohon.|Ibu membuat kue setiap hari
Sabtu.|Mengapa kamu tidak minum air?|Besok kami pergi ke pantai.|Bapak membeli buku baru.
"""),
    "sw": _phrases("""
Habari ya asubuhi, rafiki yangu?|Ndege mdogo anaimba juu ya mti.|Mama anapika chakula kizuri.|
Kesho tutaenda pwani.|Kwa nini hunywi maji?|Babu amenunua baiskeli mpya.
"""),
    "el": _phrases("""
Καλημέρα, τι κάνετε σήμερα;|Το μικρό πουλί τραγουδά στο δέντρο.|Η μητέρα φτιάχνει ψωμί.|Αύριο
θα πάμε στη θάλασσα.|Γιατί δεν πίνεις λίγο νερό;|Ο παππούς αγόρασε ένα βιβλίο.
"""),
    "hi": _phrases("""
नमस्ते, आप कैसे हैं?|छोटी चिड़िया पेड़ पर गाती है।|माँ अच्छा खाना बनाती है।|कल हम समुद्र के पास
जाएँगे।|तुम पानी क्यों नहीं पीते?|मेरे भाई ने नई किताब खरीदी।
"""),
}
"""A few everyday sentences in other languages; numbers and shuffled words make them many."""


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _fill(pattern: str, rng: np.random.Generator) -> str:
    """Each slot of a pattern by a word of its class: N name, n noun, v verb, a adjective, p place ..."""
    words: list[str] = []
    for part in pattern.replace("}", "{").split("{"):
        match part:
            case "N":
                words.append(_pick(rng, NAMES))
            case "n":
                words.append(_pick(rng, NOUNS))
            case "v":
                words.append(_pick(rng, VERBS))
            case "a":
                words.append(_pick(rng, ADJECTIVES))
            case "d":
                words.append(_pick(rng, ADVERBS))
            case "p":
                words.append(_pick(rng, PLACES))
            case "P":
                words.append(_pick(rng, PLACES).capitalize())
            case "c":
                words.append(str(int(rng.integers(2, 10 ** int(rng.integers(1, 5))))))
            case "i":
                words.append(_pick(rng, ["this", "that", "some", "every"]))
            case _:
                words.append(part)
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", "".join(words))


def sentence(language: str, rng: np.random.Generator) -> str:
    """Something to say in `language` ("en" or a key of PHRASES)."""
    if language == "en":
        kind = rng.random()
        if kind < 0.2:  # words in no order: neighbours that sentences never bring together
            lists = (NOUNS, ADJECTIVES, ADVERBS, NAMES)
            words = [_pick(rng, lists[int(rng.integers(4))]) for _ in range(int(rng.integers(4, 9)))]
            return " ".join(words) + "."
        return _pick(rng, RICH) if kind < 0.3 else _fill(_pick(rng, PATTERNS), rng)
    phrases = PHRASES[language]
    phrase = _pick(rng, phrases)
    kind = rng.random()
    if kind < 0.35:
        other = _pick(rng, phrases)
        words = phrase.rstrip(".?!;।").split() + other.rstrip(".?!;।").split()
        return " ".join(words[i] for i in rng.permutation(len(words))[:8]) + "."
    return f"{phrase} {rng.integers(1, 1000)}." if kind < 0.55 else phrase
